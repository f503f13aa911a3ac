#!/usr/bin/env bash
# Builds lapack.wasm and lapack-relaxed.wasm from LAPACK's Fortran and the C files of this folder, and their SHA256SUMS.
#
#   build.sh            builds them in place
#   build.sh --check    builds them elsewhere and compares: are the committed files what this script makes?
#
# Needs root on Debian 12 (bookworm): everything comes from its packages, at the versions named below, so that the same
# script makes the same bytes. LAPACK's source is not kept here; of its translation nothing is.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work" /etc/apt/sources.list.d/svrflow-source.sources' EXIT

packages=(f2c=20200916-1 clang-19=1:19.1.7-3~deb12u1 lld-19=1:19.1.7-3~deb12u1
  libclang-rt-19-dev-wasm32=1:19.1.7-3~deb12u1 wasi-libc=0.0~git20220510.9886d3d-2 dpkg-dev)
lapack=lapack=3.11.0-2

# The closure of dgesdd and dsyevd, of dgeqrf and dorgqr, without what gemm.c, level2.c, reflectors.c and support.c replace.
routines=(
  dbdsdc dbdsqr dcopy dgebd2 dgebrd dgelq2 dgelqf dgeqr2 dgeqrf dgesdd dlabrd dlacpy dlae2 dlaed0 dlaed1 dlaed2 dlaed3
  dlaed4 dlaed5 dlaed6 dlaed7 dlaed8 dlaed9 dlaeda dlaev2 dlamrg dlange dlanst dlansy dlapy2 dlarf dlarfg
  dlarft dlas2 dlascl dlasd0 dlasd1 dlasd2 dlasd3 dlasd4 dlasd5 dlasd6 dlasd7 dlasd8 dlasda dlasdq dlasdt dlaset
  dlasq1 dlasq2 dlasq3 dlasq4 dlasq5 dlasq6 dlasr dlasrt dlasv2 dlatrd dorg2r dorgbr dorgl2 dorglq dorgqr dorm2l
  dorm2r dormbr dorml2 dormlq dormql dormqr dormtr dstedc dsteqr dsterf dswap dsyevd dsyr2 dsytd2 dsytrd dtrmv idamax
  iladlc iladlr lsame
)

install_packages() {
  # The source of LAPACK comes from where its packages come from.
  sed 's/^Types:.*/Types: deb-src/' /etc/apt/sources.list.d/debian.sources > /etc/apt/sources.list.d/svrflow-source.sources
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${packages[@]}" > /dev/null
  (cd "$work" && apt-get source -qq --only-source "$lapack" > /dev/null 2>&1)
}

translate() {
  local source=$work/lapack-3.11.0 name
  mkdir "$work/c"
  for name in "${routines[@]}"; do
    # f2c knows no EXIT. The loops with one (dlarft) skip zeros at the end of a vector; the whole vector will do as well.
    find "$source"/{SRC,BLAS/SRC} -maxdepth 1 -name "$name.f" -exec cat {} + |
      sed -E '/DO LASTV = N,/{N;N;s/.*/      LASTV = N/}; /DO LASTV = 1,/{N;N;s/.*/      LASTV = 1/}' > "$work/c/$name.f"
  done
  (cd "$work/c" && f2c -A -a -R ./*.f > /dev/null 2> f2c.log) || { cat "$work/c/f2c.log"; exit 1; }
}

# build <name> <flags of the processor>
build() {
  local name=$1 objects=$work/$1 flags
  shift
  flags=(--target=wasm32-wasi -O3 -msimd128 "$@" -ffile-prefix-map="$work=." -ffile-prefix-map="$here=.")
  mkdir "$objects"
  (cd "$work/c" && printf '%s\n' *.c | xargs -P"$(nproc)" -I{} clang-19 "${flags[@]}" -w -fno-strict-aliasing -c {} -o "$objects/{}.o")
  for file in gemm level2 overlap reflectors support; do
    clang-19 "${flags[@]}" -std=c17 -Wall -Wextra -Wno-unused-parameter -Werror -c "$here/$file.c" -o "$objects/$file.o"
  done
  wasm-ld-19 --no-entry --fatal-warnings --strip-all --gc-sections -z stack-size=1048576 --max-memory=4294967296 \
    --export=malloc --export=free --export=gram --export=product --export=overlap \
    --export=dsyevd_ --export=dgesdd_ --export=dgeqrf_ --export=dorgqr_ \
    "$objects"/*.o -L/usr/lib/wasm32-wasi -lm -lc \
    /usr/lib/llvm-19/lib/clang/19/lib/wasi/libclang_rt.builtins-wasm32.a -o "$work/$name.wasm"
}

install_packages
translate
build lapack
build lapack-relaxed -mrelaxed-simd
(cd "$work" && sha256sum lapack.wasm lapack-relaxed.wasm > SHA256SUMS)
if [[ ${1:-} == --check ]]; then
  diff "$here/SHA256SUMS" "$work/SHA256SUMS" && (cd "$here" && sha256sum --check SHA256SUMS)
else
  install -m 644 "$work"/{lapack.wasm,lapack-relaxed.wasm,SHA256SUMS} "$here"
fi

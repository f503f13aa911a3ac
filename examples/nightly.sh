#!/bin/sh
# A nightly job: new and changed checkpoints into the lake, the lake verified, the report beside it. In a crontab:
#
#     15 2 * * *  /srv/networks/nightly.sh >> /srv/networks/nightly.log 2>&1
#
# Only what is new is computed. Two jobs never write at once: the second ends with an error.
set -eu
cd "$(dirname "$0")"
svrflow=${SVRFLOW:-npx svrflow}

code=0
$svrflow run nightly.yaml --quiet || code=$?
# 3: some models failed, and each is named above; the others are in the lake.
if [ "$code" -ne 0 ] && [ "$code" -ne 3 ]; then exit "$code"; fi

$svrflow lake check lake --quick
$svrflow report nightly --format md > nightly.md
exit "$code"

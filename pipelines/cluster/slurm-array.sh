#!/bin/bash
#SBATCH --job-name=svr
#SBATCH --array=1-16
#SBATCH --cpus-per-task=8
#SBATCH --mem=16G
#SBATCH --requeue
#
# One share of a run's models a task. Numbers of tasks begin with 1. Submit it, and the merge behind it:
#
#   id=$(sbatch --parsable slurm-array.sh collection.yaml --lake /shared/lake)
#   sbatch --dependency=afterany:$id --wrap "npx svr merge /shared/lake --out merged"
#
# To repeat some tasks, say how many shares there were: SHARES=16 sbatch --array=3,7 slurm-array.sh collection.yaml ...
# A task that ends with 3 has done its share, but for models that failed: the merge names them.
set -eu
exec ${SVR:-npx svr} run "$@" \
  --share "$SLURM_ARRAY_TASK_ID/${SHARES:-$SLURM_ARRAY_TASK_COUNT}" \
  --threads "${SLURM_CPUS_PER_TASK:-1}"

// One share of a run's models a process, then the merge:
//   nextflow run shares.nf --config /data/collection.yaml --lake /shared/lake --shares 16

params.config = 'collection.yaml'
params.lake = null
params.shares = 16

process SHARE {
  cpus 8
  memory '16 GB'
  errorStrategy 'retry'
  maxRetries 3

  input:
  val share

  output:
  val share

  // 3: models failed. The merge names them; another attempt would not help.
  script:
  """
  npx svr run ${params.config} --out work --lake ${params.lake} --threads ${task.cpus} \\
    --share ${share}/${params.shares} || test \$? -eq 3
  """
}

process MERGE {
  publishDir 'results', mode: 'copy'

  input:
  val shares

  output:
  path 'merged'

  script:
  """
  npx svr merge ${params.lake} --out merged || test \$? -eq 3
  """
}

workflow {
  MERGE(SHARE(Channel.of(1..params.shares)).collect())
}

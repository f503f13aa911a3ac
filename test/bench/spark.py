"""Reads a lake by Spark as Delta and as Iceberg, and holds what it says against the Parquet files that the manifest names.

    svr run pipelines/demo.yaml --out lake && svr lake delta lake && svr lake iceberg lake
    python test/bench/spark.py lake

Needs pyspark and Java. Spark fetches its readers of Delta and Iceberg itself, or finds their jars in the folder `SPARK_JARS`. Measured with
Spark 3.5.3, Delta 3.2.1 and Iceberg 1.6.1. Prints a line for each table; ends with 1 where something differs. Version 0 of Delta and the
first snapshot of Iceberg must have as many rows as their own logs say.
"""

import json
import os
import sys
from pathlib import Path

from pyspark.sql import SparkSession

PACKAGES = "io.delta:delta-spark_2.12:3.2.1,org.apache.iceberg:iceberg-spark-runtime-3.5_2.12:1.6.1"

lake = Path(sys.argv[1]).resolve()
manifest = json.loads((lake / "_manifest.json").read_text())
entries = [*manifest["models"], *manifest.get("comparisons", [])]
jars = os.environ.get("SPARK_JARS")
setting, value = ("spark.jars.packages", PACKAGES) if jars is None else ("spark.jars", ",".join(map(str, Path(jars).glob("*.jar"))))
spark = (
    SparkSession.builder.master("local[1]")
    .config(setting, value)
    .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
    .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
    .config("spark.databricks.delta.snapshotPartitions", "1")
    .config("spark.ui.enabled", "false")
    .config("spark.ui.showConsoleProgress", "false")
    .getOrCreate()
)
spark.sparkContext.setLogLevel("ERROR")
differences = 0


def rows(frame):
    """All rows, as texts in order: NaN is one."""
    return sorted(repr(sorted(row.asDict().items())) for row in frame.collect())


def check(what, found, required):
    """Counts a difference and says it."""
    global differences
    if found != required:
        differences += 1
        print(f"  DIFFERS: {what}: found {str(found)[:200]}, required {str(required)[:200]}")


tables = sorted(path.parent.name for path in lake.glob("*/_delta_log"))
if not tables:
    sys.exit(f"{lake}: found no Delta table, required those of svr lake delta and svr lake iceberg")
for table in tables:
    # Each file by itself: its own columns are compared, not those of folders' names.
    files = [str(lake / file["path"]) for entry in entries for file in entry["files"] if file["table"] == table]
    required = sorted(row for path in files for row in rows(spark.read.parquet(path)))
    metadata = lake / "_iceberg" / table / "metadata"
    address = str(metadata / f"v{int((metadata / 'version-hint.text').read_text())}.metadata.json")
    newest = json.loads(Path(address).read_text())
    check(f"{table} as Delta", rows(spark.read.format("delta").load(str(lake / table))), required)
    check(f"{table} as Iceberg", rows(spark.read.format("iceberg").load(address)), required)
    log = (lake / table / "_delta_log" / f"{0:020}.json").read_text().splitlines()
    first = sum(json.loads(json.loads(line)["add"]["stats"])["numRecords"] for line in log if '"add"' in line[:8])
    check(f"{table} at version 0", spark.read.format("delta").option("versionAsOf", 0).load(str(lake / table)).count(), first)
    if newest.get("snapshots"):
        snapshot = newest["snapshots"][0]
        older = spark.read.format("iceberg").option("snapshot-id", snapshot["snapshot-id"]).load(address).count()
        check(f"{table} at the first snapshot", older, int(snapshot["summary"]["total-records"]))
    print(f"{table}: {len(required)} rows in {len(files)} files; {first} in version 0", flush=True)
print(f"{differences} differences")
sys.exit(1 if differences else 0)

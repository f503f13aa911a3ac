/** What the queries of a report must answer, and the comparison with what they do. */

import { expect } from "vitest";
import type { Finding } from "../../src/analysis/findings/finding.ts";

/** What a query of a report must answer. */
export interface Expectation {
  readonly where: string;
  readonly language: string;
  readonly text: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
}

/** Of each query of a finding. */
export function expectations(id: string, finding: Finding): Expectation[] {
  const asked = finding.numbers.filter(({ derived }) => derived === null);
  const { table } = finding;
  const where = `${id}: ${finding.kind}`;
  return [
    ...finding.queries.map((query) => ({
      ...query,
      where,
      columns: asked.map(({ name }) => name),
      rows: [asked.map(({ value }) => value)],
    })),
    ...table === null
      ? []
      : table.queries.map((query) => ({ ...query, where, columns: table.columns, rows: table.rows })),
  ];
}

function plain(value: unknown): unknown {
  return typeof value === "bigint" ? Number(value) : value;
}

/** Equal, numbers to 1e-9 relative. */
export function expectRows(found: readonly (readonly unknown[])[], { rows, where, text }: Expectation): void {
  expect(found.length, `${where}\n${text}`).toBe(rows.length);
  rows.forEach((row, i) =>
    row.forEach((value, j) => {
      const other = plain(found[i]![j]);
      if (typeof value === "number" && typeof other === "number") {
        const error = Math.abs(value - other) / Math.max(Math.abs(value), Math.abs(other), 1e-300);
        expect(value === other ? 0 : error, `${where}, row ${i}, column ${j}: ${value} and ${other}\n${text}`)
          .toBeLessThan(1e-9);
      } else {
        expect(other, `${where}, row ${i}, column ${j}\n${text}`).toEqual(value);
      }
    })
  );
}

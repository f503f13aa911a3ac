/** How `svr report` can be written. */

/** The formats. */
export const REPORT_FORMATS = ["md", "html", "json", "text"] as const;

/** One of them. */
export type ReportFormat = (typeof REPORT_FORMATS)[number];

/** Files that the page hands to the browser. */

/** Hands over a file, under a name without folders. */
export function save(name: string, content: Blob): void {
  const url = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** The id of a model as a part of a file's name. */
export function fileName(id: string): string {
  // Systems take names of some two hundred characters.
  return id.slice(0, 100).replaceAll(/[^\w.-]+/g, "-") || "model";
}

/** A text as a cell of a CSV file. */
export function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

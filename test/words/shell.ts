/** Shell blocks as lists of commands: enough of a shell for what documentation says. */

/** The words of each command, in order: commands end with a line, `&&`, `;` or a pipe; comments and redirections are left out. */
export function commandsOf(text: string): readonly (readonly string[])[] {
  const commands: string[][] = [[]];
  let word: string | null = null;
  let quote = "";
  let file = false;
  const endWord = () => {
    if (word !== null && !file) commands.at(-1)!.push(word);
    if (word !== null) file = false;
    word = null;
  };
  const endCommand = () => {
    endWord();
    commands.push([]);
  };
  for (let at = 0; at < text.length; at++) {
    const letter = text[at]!;
    if (quote !== "") {
      if (letter === quote) quote = "";
      else if (letter === "\\" && quote === '"') word += text[++at] ?? "";
      else word += letter;
    } else if (letter === '"' || letter === "'") {
      quote = letter;
      word ??= "";
    } else if (letter === "\\") {
      at++;
      if (text[at] !== "\n") word = (word ?? "") + (text[at] ?? "");
    } else if (letter === "#" && word === null) {
      while (at + 1 < text.length && text[at + 1] !== "\n") at++;
    } else if (/[\n;|]/.test(letter)) endCommand();
    else if (letter === "&" && text[at + 1] === "&") {
      at++;
      endCommand();
    } else if (letter === ">") {
      endWord();
      file = true;
    } else if (/\s/.test(letter)) endWord();
    else word = (word ?? "") + letter;
  }
  if (quote !== "") throw new SyntaxError(`found a quote ${quote} that nothing closes: ${text}`);
  endCommand();
  return commands.filter((words) => words.length > 0);
}

/** What `svr` is given by a command; null where it is another program. */
export function argumentsOfSvr(words: readonly string[]): readonly string[] | null {
  const at = words.findIndex((word) => !/^[A-Z_]+=/.test(word));
  const rest = words.slice(at);
  if (rest[0] === "npx" && rest[1] === "svrflow") return rest.slice(2);
  if (rest[0] === "svr") return rest.slice(1);
  if (rest[0] === "npx" && rest[1] === "svr") return rest.slice(2);
  if (rest.slice(0, 4).join(" ") === "npx deno task svr") return rest.slice(4);
  return null;
}

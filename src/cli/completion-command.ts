/** `svr completion`: what a shell needs to complete commands and options, made from the commands themselves. */

import { Argument, type Command, type Option } from "commander";

const SHELLS = ["bash", "zsh", "fish"] as const;

/** A command by its words: `["lake", "check"]`; none for the program itself. */
interface Place {
  readonly words: readonly string[];
  readonly command: Command;
}

/** Adds the command. */
export function addCompletionCommand(program: Command, write: (text: string) => void): void {
  program.command("completion")
    .description(
      'print a completion script: eval "$(svr completion bash)", the same for zsh; svr completion fish | source',
    )
    .addArgument(new Argument("<shell>").choices(SHELLS))
    .action((shell: typeof SHELLS[number]) => write(completionScript(program, shell)));
}

/** The script for a shell. */
export function completionScript(program: Command, shell: typeof SHELLS[number]): string {
  const places = placesOf({ words: [], command: program });
  if (shell === "fish") return fish(places);
  const zsh = "autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n";
  return `${shell === "zsh" ? zsh : ""}${bash(places)}`;
}

/** A command and all below it, the most particular first. */
function placesOf(place: Place): Place[] {
  const below = commandsOf(place).flatMap((command) =>
    placesOf({ words: [...place.words, command.name()], command })
  );
  return [...below, place];
}

const commandsOf = ({ command }: Place) => command.createHelp().visibleCommands(command);
const optionsOf = ({ command }: Place) =>
  command.createHelp().visibleOptions(command).filter(({ long }) => typeof long === "string");

function bash(places: readonly Place[]): string {
  const cases = places.flatMap((place) => {
    const words = [
      ...commandsOf(place).map((command) => command.name()),
      ...optionsOf(place).map(({ long }) => long),
    ];
    const choices = optionsOf(place).filter(({ argChoices }) => argChoices !== undefined).map((option) =>
      `      [ "$before" = ${option.long} ] && words=${quoted(option.argChoices!.join(" "))}`
    );
    const pattern = place.words.length === 0 ? "*" : `${quoted(` ${place.words.join(" ")} `)}*`;
    return [`    ${pattern})`, `      words=${quoted(words.join(" "))}`, ...choices, "      ;;"];
  });
  return [
    "_svr() {",
    "  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words=",
    '  case " ${COMP_WORDS[*]:1:COMP_CWORD-1} " in',
    ...cases,
    "  esac",
    '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
    "}",
    "complete -o default -F _svr svr svrflow",
    "",
  ].join("\n");
}

function fish(places: readonly Place[]): string {
  const lines = places.flatMap((place) => {
    const seen = place.words.map((word) => `__fish_seen_subcommand_from ${word}`).join("; and ");
    const when = seen === "" ? "__fish_use_subcommand" : seen;
    return [
      ...commandsOf(place).map((command) =>
        `complete -c svr -c svrflow -n ${quoted(when)} -a ${command.name()} -d ${
          quoted(firstOf(command.description()))
        }`
      ),
      ...optionsOf(place).map((option) =>
        `complete -c svr -c svrflow -n ${quoted(when)} -l ${option.long!.slice(2)}${valueOf(option)} -d ${
          quoted(firstOf(option.description))
        }`
      ),
    ];
  });
  return [...lines, ""].join("\n");
}

function valueOf({ required, argChoices }: Option): string {
  if (argChoices !== undefined) return ` -x -a ${quoted(argChoices.join(" "))}`;
  return required ? " -r" : "";
}

/** A description up to its first break. */
const firstOf = (text: string) => text.split(/[;:(]|\. /)[0]!.trim();

/** A text as one word of a shell. */
const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

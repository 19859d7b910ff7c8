// Whether a shell command runs Ansible, uses SSH or waits for a machine. No shell's whole grammar, but its words in command
// position, so that `echo "run ansible-playbook"` is no finding.

export type ShellUse = "ansible" | "ssh" | "wait";

const ANSIBLE =
  /^(ansible|ansible-(playbook|navigator|galaxy|runner|pull|console|inventory|builder|vault|doc|test|config)|molecule)$/;
const SSH =
  /^(ssh|scp|sftp|rsync|sshpass|ssh-copy-id|ssh-keyscan|ssh-keygen|ssh-add|ssh-agent|autossh|plink|pscp|mosh|parallel-ssh|pssh|winrm|evil-winrm)$/;
const WAIT = /^(nc|ncat|netcat|ping|fping|wait-for-it(\.sh)?|wait-for(\.sh)?|wait4x|dockerize|sleep)$/;
/** Words that stand in front of the command that they run. */
const PREFIXES =
  /^(sudo|doas|env|time|nohup|exec|command|builtin|nice|ionice|stdbuf|setsid|timeout|retry|xargs|then|else|elif|do|if|while|until|!|\{|\(|poetry|pipenv|uv|uvx|pipx|run|python3?|-m|docker|podman|bash|sh|eval|wsl|which|nix|nix-shell)$/;
const SHELLS = /^(bash|sh|dash|zsh|ash|ksh)$/;
const CONTAINERS = /^(docker|podman|nerdctl)$/;
/** Options of prefixes take a value only in these; a wrong guess only looks at one word more. */
const LONGEST = 100_000;
/** Substitutions in substitutions. */
const DEEPEST = 8;

/** What the command does that pull has no place for. */
export function shellUses(command: string): Set<ShellUse> {
  const uses = new Set<ShellUse>();
  look(command.slice(0, LONGEST), uses, 0);
  return uses;
}

function look(command: string, uses: Set<ShellUse>, depth: number): void {
  if (depth > 3) return;
  for (const words of simpleCommands(command)) {
    judge(words, uses, depth);
  }
}

function judge(words: readonly string[], uses: Set<ShellUse>, depth: number): void {
  let container = false;
  for (const [index, word] of words.entries()) {
    const name = word.split("/").at(-1) ?? "";
    const use = useOf(name, word);
    if (use !== undefined) return void uses.add(use);
    if (SHELLS.test(name) && /^-\w*c$/.test(words[index + 1] ?? ""))
      return look(words[index + 2] ?? "", uses, depth + 1);
    container ||= CONTAINERS.test(name);
    if (!container && !isPassed(name, word)) return;
  }
}

function useOf(name: string, word: string): ShellUse | undefined {
  if (ANSIBLE.test(name)) return "ansible";
  if (SSH.test(name)) return "ssh";
  return WAIT.test(name) || word.includes("/dev/tcp/") ? "wait" : undefined;
}

/** Whether a word may stand in front of the command: a prefix, an option, a variable, a time. */
function isPassed(name: string, word: string): boolean {
  return PREFIXES.test(name) || /^-/.test(word) || /^\w+=/.test(word) || /^\d+[smh]?$/.test(word) || /^[<>]/.test(word);
}

/** Commands between separators, as words; quotes are taken off, substitutions are commands of their own. */
function simpleCommands(command: string, depth = 0): string[][] {
  const words = new Words(depth);
  for (let index = 0; index < command.length; index++) index = step(command, index, words);
  return words.finished();
}

/** Takes what starts at the index, and gives the index of its last character. */
function step(command: string, index: number, words: Words): number {
  const char = command[index]!;
  if (command.startsWith("${", index)) {
    const end = closing(command, index + 1);
    words.add(command.slice(index, end + 1));
    return end;
  }
  if (command.startsWith("$(", index)) {
    // Part of a word, and a command of its own.
    const end = closing(command, index + 1, "()");
    words.substitute(command.slice(index + 2, end));
    words.add("$()");
    return end;
  }
  if (char === "\\") {
    if (command[index + 1] !== "\n") words.add(command[index + 1] ?? "");
    return index + 1;
  }
  if (char === "'" || char === '"') return quoted(command, index, words);
  if (char === "#" && !words.inWord) {
    const end = command.indexOf("\n", index);
    return end < 0 ? command.length : end - 1;
  }
  if (/[;&|\n()`]/.test(char)) words.endCommand();
  else if (/\s/.test(char)) words.endWord();
  else words.add(char);
  return index;
}

function quoted(command: string, index: number, words: Words): number {
  const end = endOfQuote(command, index);
  const inner = command.slice(index + 1, end);
  words.add(inner);
  if (command[index] === '"') for (const part of substitutions(inner)) words.substitute(part);
  return end;
}

class Words {
  private readonly commands: string[][] = [[]];
  private readonly more: string[][] = [];
  private word: string | undefined;

  public constructor(private readonly depth: number) {}

  public get inWord(): boolean {
    return this.word !== undefined;
  }

  public add(text: string): void {
    this.word = (this.word ?? "") + text;
  }

  public endWord(): void {
    if (this.word !== undefined) this.commands.at(-1)!.push(this.word);
    this.word = undefined;
  }

  public endCommand(): void {
    this.endWord();
    this.commands.push([]);
  }

  /** Deeper substitutions are left alone: recursion must end. */
  public substitute(command: string): void {
    if (this.depth < DEEPEST) for (const one of simpleCommands(command, this.depth + 1)) this.more.push(one);
  }

  public finished(): string[][] {
    this.endWord();
    return [...this.commands, ...this.more].filter((words) => words.length > 0);
  }
}

/** `$(...)` and backticks inside double quotes. */
function substitutions(text: string): string[] {
  return [...text.matchAll(/\$\(([^()]*)\)|`([^`]*)`/g)].map((match) => match[1] ?? match[2] ?? "");
}

function endOfQuote(text: string, start: number): number {
  const kind = text[start];
  for (let index = start + 1; index < text.length; index++) {
    if (kind === '"' && text[index] === "\\") index++;
    // A template's own quotes: "${var.x["a"]}".
    else if (text.startsWith("${", index)) index = closing(text, index + 1);
    else if (text[index] === kind) return index;
  }
  return text.length;
}

/** The brace or parenthesis that closes the one at `start`. */
function closing(text: string, start: number, pair = "{}"): number {
  let depth = 0;
  for (let index = start; index < text.length; index++) {
    if (text[index] === pair[0]) depth++;
    if (text[index] === pair[1] && --depth === 0) return index;
  }
  return text.length;
}

/** A text as one cell of a Markdown table. */
export function cell(text: string): string {
  return (
    text
      .replace(/\s*\n\s*/g, " ")
      .replaceAll("|", "\\|")
      // Inside backticks it is shown as it stands.
      .replace(/(`[^`]*`)|</g, (match, code?: string) => code ?? match.replace("<", "&lt;"))
  );
}

/** A text as inline code, also in a cell. */
export function code(text: string): string {
  return `\`${text.replace(/\s+/g, " ").replaceAll("|", "\\|")}\``;
}

/** What was made for somebody, kept for whoever asks for the same, until that has become another. */
export class Made<T> {
  private readonly made = new Map<string, T>();
  private of = "";

  /** `of` is what it is made of. */
  public get(of: string, key: string, make: () => T): T {
    if (of !== this.of) this.made.clear();
    this.of = of;
    const known = this.made.get(key) ?? make();
    this.made.set(key, known);
    return known;
  }
}

import { Refusal } from "../engine/refusal";
import { sourceOf } from "./access";

/** How many live views may be open, all in all and from one address: one source must not take everybody's. */
export class Seats {
  private readonly taken = new Map<string, number>();
  private total = 0;

  public constructor(
    private readonly most: number,
    private readonly mostOfOne: number,
  ) {}

  public get open(): number {
    return this.total;
  }

  /** Takes one, or refuses; what it returns gives it back, once. */
  public take(address: string): () => void {
    const source = sourceOf(address);
    const own = this.taken.get(source) ?? 0;
    if (this.total >= this.most) throw new Refusal("streams_exhausted");
    if (own >= this.mostOfOne)
      throw new Refusal("streams_exhausted", { detail: `${own} live views of ${source} are open, which is its limit` });
    this.taken.set(source, own + 1);
    this.total += 1;
    let given = false;
    return () => {
      if (given) return;
      given = true;
      this.total -= 1;
      const left = (this.taken.get(source) ?? 1) - 1;
      if (left === 0) this.taken.delete(source);
      else this.taken.set(source, left);
    };
  }
}

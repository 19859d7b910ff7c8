import { FakeClock } from "../test-support";
import { RateLimit } from "./rate";

const counted = (limit: RateLimit, remote: string, times: number): number =>
  Array.from({ length: times }, () => {
    try {
      limit.count(remote);
      return 1;
    } catch {
      return 0;
    }
  }).reduce<number>((sum, one) => sum + one, 0);

test("a source may ask so often in a minute, whatever another does", () => {
  const clock = new FakeClock();
  const limit = new RateLimit(3, clock.read);
  expect([counted(limit, "a", 5), counted(limit, "b", 5)]).toEqual([3, 3]);
  clock.pass(59);
  expect(counted(limit, "a", 5)).toBe(0);
  clock.pass(1);
  expect(counted(limit, "a", 5)).toBe(3);
});

test("fails when a clock that is set back keeps a source out for longer", () => {
  const clock = new FakeClock();
  const limit = new RateLimit(1, clock.read);
  limit.count("a");
  clock.pass(-3600);
  expect(counted(limit, "a", 2)).toBe(1);
});

test("0 is no limit", () => {
  expect(counted(new RateLimit(0, new FakeClock().read), "a", 1000)).toBe(1000);
});

test("fails when ever more sources are remembered, or one that goes on asking is forgotten", () => {
  const limit = new RateLimit(20_000, new FakeClock().read);
  for (let i = 0; i < 15_000; i += 1) {
    limit.count(`source-${i}`);
    limit.count("busy");
  }
  expect(counted(limit, "source-0", 20_001)).toBe(20_000);
  expect(counted(limit, "busy", 20_000)).toBe(5000);
});

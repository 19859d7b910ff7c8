import { paced } from "./paced";

describe("paced", () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  const calls = () => {
    const call = jest.fn();
    return { call, wake: paced(250, call) };
  };

  test("fails when the first after a pause has to wait, or is called before what runs now is done", () => {
    const { call, wake } = calls();
    for (let pause = 0; pause < 3; pause += 1) {
      call.mockClear();
      wake();
      expect(call).not.toHaveBeenCalled();
      jest.advanceTimersByTime(0);
      expect(call).toHaveBeenCalledTimes(1);
      jest.advanceTimersByTime(250);
    }
  });

  test("fails when it is called more than four times a second, or the last word of many is lost", () => {
    const { call, wake } = calls();
    for (let ms = 0; ms < 1990; ms += 10) {
      wake();
      jest.advanceTimersByTime(10);
    }
    expect(call).toHaveBeenCalledTimes(8);
    wake();
    jest.advanceTimersByTime(250);
    expect(call).toHaveBeenCalledTimes(9);
    jest.advanceTimersByTime(1000);
    expect(call).toHaveBeenCalledTimes(9);
  });

  test("fails when a timer that is early makes it more than four times a second", () => {
    const { call, wake } = calls();
    let now = 0.4;
    const clock = jest.spyOn(performance, "now").mockImplementation(() => now);
    const pass = (timers: number, clockMs: number): void => {
      now += clockMs;
      jest.advanceTimersByTime(timers);
    };
    wake();
    pass(0, 0);
    wake();
    // The timers' clock is a part of a millisecond ahead.
    pass(250, 249.5);
    expect(call).toHaveBeenCalledTimes(1);
    pass(1, 1);
    expect(call).toHaveBeenCalledTimes(2);
    clock.mockRestore();
  });
});

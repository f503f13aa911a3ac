import { lastValueFrom, of, toArray } from "rxjs";
import { expect, it } from "vitest";
import { openSynthetic } from "../../connectors/sources/synthetic.ts";
import { openWorkshop } from "../../src/run/open-workshop.ts";
import { layers } from "../../src/flow/operators/layers.ts";
import { svd } from "../../src/flow/operators/svd.ts";
import { unfold } from "../../src/flow/operators/unfold.ts";
import { ReadAhead } from "../../src/flow/read-ahead.ts";

const LARGE = 2 ** 20;

it("admits two large layers beyond the threads, those of the model that came first before others'", async () => {
  const ahead = new ReadAhead(1);
  const [one, other] = [{}, {}];
  const came: string[] = [];
  const asked = (model: object, name: string) =>
    ahead.turn(model, LARGE).then((turn) => {
      came.push(name);
      turn.read();
      return turn;
    });
  const held = await Promise.all([asked(one, "one 1"), asked(other, "other 1"), asked(other, "other 2")]);
  const later = [asked(other, "other 3"), asked(one, "one 2")];
  await new Promise<void>((resolve) => setImmediate(resolve));
  expect(came).toEqual(["one 1", "other 1", "other 2"]);
  held.forEach((turn) => turn.over());
  for (const each of later) (await each).over();
  expect(came.slice(3)).toEqual(["one 2", "other 3"]);
});

it("lets small layers go as they come", async () => {
  const ahead = new ReadAhead(1);
  const held = await Promise.all(Array.from({ length: 50 }, () => ahead.turn({}, LARGE - 1)));
  expect(held).toHaveLength(50);
});

it("admits more, one after another, as long as threads go without work", async () => {
  const ahead = new ReadAhead(1);
  const slow = {};
  const held = await Promise.all([1, 2, 3].map(() => ahead.turn(slow, LARGE)));
  let came = 0;
  const asked = [1, 2, 3].map(async () => {
    const turn = await ahead.turn({}, LARGE);
    came++;
    return turn;
  });
  // None of those that hold a turn is there yet.
  const extra = await asked[0]!;
  extra.read();
  await new Promise((resolve) => setTimeout(resolve, 300));
  // Now the thread has work.
  expect(came).toBe(1);
  extra.over();
  extra.over();
  await asked[1];
  held.forEach((turn) => turn.over());
  (await asked[1])!.over();
  (await asked[2])!.over();
  expect(came).toBe(3);
});

it("holds for all models of a run together, and every layer is decomposed", async () => {
  const workshop = await openWorkshop({ kernel: "wasm", threads: 1 });
  let reading = 0;
  let most = 0;
  const names = ["a", "b", "c", "d"];
  const model = (seed: number) => {
    const synthetic = openSynthetic(
      { seed, layers: names.map((name) => ({ name, out: 256, in: 256 })) },
      `model ${seed}`,
    );
    return {
      ...synthetic,
      read: async (...asked: Parameters<typeof synthetic.read>) => {
        most = Math.max(most, ++reading);
        // Nothing is decomposed so soon.
        await new Promise((resolve) => setTimeout(resolve, 5));
        reading--;
        return await synthetic.read(...asked);
      },
    };
  };
  try {
    const found = await Promise.all(
      [1, 2, 3, 4].map((seed) =>
        lastValueFrom(of(model(seed)).pipe(layers(), unfold("svr"), svd(workshop, "svr"), toArray()))
      ),
    );
    expect(found.map((each) => each.map(({ layer }) => layer.name))).toEqual(found.map(() => names));
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(3);
  } finally {
    await workshop.dispose();
  }
});

/** Numbers that look like chance, the same in each run. */
export function chance(seed) {
  let x = (seed * 7_919 + 1) % (2 ** 31 - 1);
  return (below) => {
    x = (x * 48_271) % (2 ** 31 - 1);
    return Math.floor(x / 8) % below;
  };
}

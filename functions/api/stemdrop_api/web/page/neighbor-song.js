// Moving from the open song to the next one in the list.

/**
 * Open the next or the previous song that can be played, and play it. Return whether there is one.
 * @param {1|-1} direction
 */
export function openNeighbor(direction) {
  const cards = [...document.querySelectorAll(".card[data-playable]:not([hidden])")];
  const index = cards.findIndex((card) => card.querySelector(".player"));
  const card = index < 0 ? undefined : cards[index + direction];
  if (card === undefined) return false;
  if (cards[index].contains(document.activeElement)) card.querySelector("h3").focus();
  card.querySelector("[aria-expanded]").click();
  card.querySelector(".play").click();
  card.scrollIntoView({ block: "nearest" });
  return true;
}

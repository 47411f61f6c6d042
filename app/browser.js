// What the list of pages and the back button need of the browser. Ours alone: nothing that a model or a
// person wrote ever comes in here. Runs once a tab, however often the page is drawn.

const PHONE = 768;
const LIST = ".st-key-page-list";
const LINK = '[data-testid="stPageLink-NavLink"]';

// Whatever one click or key leads to is one step of the back button: the first change of the address is a
// new step, what the page itself adds to its address afterwards belongs to that step.
function oneStepEach() {
  let wished = navigator.userActivation?.hasBeenActive ?? true;
  for (const kind of ["pointerdown", "keydown"]) {
    addEventListener(kind, () => { wished = true; }, true);
  }
  const push = history.pushState.bind(history);
  history.pushState = (state, title, address) => {
    if (wished) push(state, title, address);
    else history.replaceState(state, title, address);
    wished = false;
  };
}

// Which page of the list is open, for those who hear it; and Home's address, which is empty, from anywhere.
function markList() {
  const list = document.querySelector(LIST);
  list?.setAttribute("role", "navigation");
  list?.setAttribute("aria-label", "Pages");
  for (const link of list?.querySelectorAll(LINK) ?? []) {
    const address = link.getAttribute("href") ?? "";
    if (address === "" || address.startsWith("?")) link.setAttribute("href", `./${address}`);
    if (link.pathname === location.pathname) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function keepMarked() {
  let asked = false;
  new MutationObserver(() => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => { asked = false; markList(); });
  }).observe(document.body, { childList: true, subtree: true });
  markList();
}

// On a phone the list lies over the page: a choice puts it away.
function putAway(event) {
  const chosen = event.target.closest?.(`[data-testid="stSidebar"] ${LINK}`);
  const other = event.ctrlKey || event.metaKey || event.shiftKey;
  if (!chosen || other || innerWidth > PHONE) return;
  document.querySelector('[data-testid="stSidebarCollapseButton"] button')?.click();
}

export default function () {
  if (window.characterStudio) return;
  window.characterStudio = true;
  oneStepEach();
  keepMarked();
  addEventListener("click", putAway);
}

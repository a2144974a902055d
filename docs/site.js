// What the theme leaves to be done for keyboards and screen readers: wide blocks can be scrolled with the keys, the
// captions of the navigation say their level, the two side bars have names.
document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("pre, .table-wrapper").forEach((block) => block.setAttribute("tabindex", "0"));
  document.querySelectorAll(".caption[role=heading]").forEach((caption) => caption.setAttribute("aria-level", "2"));
  document.querySelector(".sidebar-drawer")?.setAttribute("aria-label", "All pages");
  document.querySelector(".toc-drawer")?.setAttribute("aria-label", "On this page");
});

// Says why a page does not start, in a script that old browsers understand.
(function () {
  var state = document.getElementById("state");
  state.textContent = "Unpacking …";
  document.addEventListener("DOMContentLoaded", function () {
    if (document.documentElement.hasAttribute("data-runs")) return;
    state.textContent = "This page needs a newer browser (Chrome or Edge 105, Firefox 119, Safari 16.4), " +
      "or this file is incomplete.";
  });
})();

// Starts the console: signs in, shows the navigation, opens the page that the address names.

import { followLinks, openPage, showPlaces } from "/console/router.js";
import { WORDS } from "/console/words/shell.js";
import { startSignIn } from "/playground/sign_in.js";
import { addWords, translate } from "/playground/words.js";

addWords(WORDS);
followLinks();
startSignIn({
  onIn() {
    showPlaces();
    openPage();
  },
  onLanguage() {
    translate();
    openPage();
  },
});

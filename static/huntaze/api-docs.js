"use strict";

const place = document.getElementById("document");
SwaggerUIBundle({
  url: place.dataset.address,
  domNode: place,
  deepLinking: true,
  // Its badge would ask a foreign host.
  validatorUrl: null,
});

// Swagger UI on the service's own document. What it sends goes through Airflow, which passes it on: the service may be
// where this browser cannot reach. The line for curl that it shows is the one for the service itself.
"use strict";

window.addEventListener("DOMContentLoaded", () => {
  const place = document.getElementById("swagger");
  document.documentElement.classList.toggle("dark-mode", matchMedia("(prefers-color-scheme: dark)").matches);
  const theme = document.documentElement.dataset.theme;
  if (theme) document.documentElement.classList.toggle("dark-mode", theme === "dark");
  window.SwaggerUIBundle({
    domNode: place,
    url: place.dataset.document,
    validatorUrl: null, // would ask a server of Swagger's
    showMutatedRequest: false,
    tryItOutEnabled: true,
    supportedSubmitMethods: ["get", "post"],
    deepLinking: false,
    persistAuthorization: false,
    requestInterceptor: (request) => {
      if (request.loadSpec) return request;
      const path = new URL(request.url, location.href).pathname;
      const { Authorization: authorization, ...headers } = request.headers;
      if (authorization) headers["X-Service-Authorization"] = authorization;
      headers["X-Azureml-Page"] = "swagger";
      return {
        ...request,
        url: new URL(path.endsWith("/score") ? place.dataset.score : place.dataset.health, location.href).href,
        method: "POST",
        headers,
      };
    },
  });
});

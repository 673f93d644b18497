"""The client side of a web service: score it, check its contract, load it. Works against any service, local or on Azure."""

"""What runs in a web service's container on Azure. Nothing here is imported by the adapter: the files are uploaded."""

"""The web service process: one model behind `POST /score`, following the desired state in its folder."""

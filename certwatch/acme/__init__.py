"""The certificate authority: account, orders, ARI and HTTP-01 answers, on the ``acme`` package."""

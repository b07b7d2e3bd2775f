"""The network look: what is there, failures included, without judgement."""

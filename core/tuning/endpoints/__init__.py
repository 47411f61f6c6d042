"""A tuned model that answers at Together for a while: priced, made once, and stopped for certain.

`offer` what it runs on and costs · `remote` the calls · `state` what is on disk · `choice` from a
training to an offer · `supervise` make it, wait, watch · `stopping` end it and look whether it ended.
"""

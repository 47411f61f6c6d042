"""Training a student elsewhere: a tuning is one paid job, and this package makes sure there is one.

    tuning = prepare(asked, settings)        # validated here, sent nowhere: DATA_PATH/tunings/<id>/
    tuning = Trainer(tuning, remote, …).run()   # upload, price, create once, follow, download, register

`recipe` what is trained and what a backend cannot do · `convert` files for trainers · `state` what survives
a kill · `together_remote` one attempt at one call · `together` the steps and their order · `download`,
`unpack`, `register` the adapter · `endpoints/` serve the tuned model there. `openrlhf/` trains on GPUs of
one's own. `training/` trains on this computer and is started by its argv.
"""

"""Training a student with OpenRLHF, on NVIDIA GPUs, from an environment of its own.

    plan = plan_of(kind, flags, settings, os.environ)     # everything checked, nothing started
    outcome = run_plan(plan, settings, …)                 # supervised, followed, registered

`recipe` the numbers · `command` the words · `parser` which words the installed version knows · `progress`
what its bars say · `gate` whether it has learned · `cures` what its last words mean · `install` its
environment · `following` what is kept of a run · `plan`, `run` the rest. The first six are pure. We never
import OpenRLHF, DeepSpeed or Ray: they are read, and started.
"""

"""What a run is made of, beside the Git source.

state         state.json: the last run, the last success; survives a full disk
evidence      evidence.jsonl -> totals, tasks, diff
judge         exit code, evidence and commits -> success or the reason why not
failures      what ansible said -> a reason's code
callbacks     the callback that collects the evidence, beside the repository's own
requirements  collections and roles of the requirements file
progress      run.progress while ansible works
"""

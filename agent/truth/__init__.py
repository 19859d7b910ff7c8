"""The truth table: every case of contract/truth.json, with the agent as it ships, real git and real ansible-core.

Run by `npm run test:truth`, which folds what the agent says by the receiver's own code and compares.
"""

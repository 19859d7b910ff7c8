"""The program that configures the VM it runs on. See agent/README.md for what this version does and does not do."""

VERSION = "0.1.0"

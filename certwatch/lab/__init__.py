"""The lab: a small real world on loopback; begin reading at ``certwatch.lab.world``."""

"""The thesis side by side with its simulated twin.

`reproduce` simulates the registry many times, runs the thesis's whole analysis on each and compares;
`write_reproduction` puts the compared tables and a record of the run into a folder.
"""

from simsepsis.reproduction.record import contents_of, write_reproduction
from simsepsis.reproduction.reproduce import Reproduction, reproduce

__all__ = ["Reproduction", "contents_of", "reproduce", "write_reproduction"]

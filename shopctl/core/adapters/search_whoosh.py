from dataclasses import dataclass
from pathlib import Path


@dataclass
class WhooshIndex:
    path: Path

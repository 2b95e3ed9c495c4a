"""A random order of very many items, computed one by one."""

import hashlib

ROUNDS = 8


class Permutation:
    """A random permutation of range(size) that needs no memory, however large size is.

    It is a Feistel network over the next power of four. A value outside the range goes through it
    again until it is inside (Black and Rogaway 2002, "cycle walking"), on average fewer than four
    times.
    """

    def __init__(self, size: int, seed: int) -> None:
        """size >= 1."""
        self.size, self._seed = size, seed
        self._half = max(1, -(-(size - 1).bit_length() // 2))  # bits

    def __call__(self, place: int) -> int:
        """The item at a place in range(size)."""
        if not 0 <= place < self.size:
            raise IndexError(place)
        value = self._shuffled(place)
        while value >= self.size:
            value = self._shuffled(value)
        return value

    def _shuffled(self, value: int) -> int:
        mask = (1 << self._half) - 1
        left, right = value >> self._half, value & mask
        for number in range(ROUNDS):
            text = f"{self._seed}/{number}/{right}".encode()
            digest = hashlib.shake_128(text).digest(-(-self._half // 8))
            left, right = right, left ^ (int.from_bytes(digest) & mask)
        return left << self._half | right

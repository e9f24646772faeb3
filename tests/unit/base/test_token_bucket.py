"""A bucket of tokens: what there is at once, and what each second brings."""

from headrace.base.token_bucket import TokenBucket

SECOND = 1_000_000


def test_it_begins_full_and_gives_no_more_than_it_has() -> None:
    bucket = TokenBucket(10, 5)
    assert bucket.take(3, 0) == 3
    assert bucket.take(3, 0) == 2
    assert bucket.take(1, 0) == 0


def test_a_second_brings_its_rate_and_never_more_than_the_depth() -> None:
    bucket = TokenBucket(10, 5)
    bucket.take(5, 7 * SECOND)
    assert bucket.take(9, 7 * SECOND + 299_999) == 2
    assert bucket.take(9, 100 * SECOND) == 5


def test_parts_of_a_token_are_not_lost() -> None:
    bucket = TokenBucket(10, 5)
    bucket.take(5, 0)
    assert sum(bucket.take(1, step * 10_000) for step in range(1, 101)) == 10


def test_what_cannot_be_afforded_takes_nothing() -> None:
    bucket = TokenBucket(10, 5)
    assert bucket.afford(3, 0)
    assert not bucket.afford(3, 0)
    assert bucket.afford(2, 0)


def test_spending_at_the_limit_is_allowed_and_one_past_it_is_not() -> None:
    bucket = TokenBucket(10, 5)
    assert bucket.spend(5, 0)
    assert not bucket.spend(1, 0)
    assert bucket.spend(1, SECOND // 10)


def test_what_was_spent_beyond_is_not_owed() -> None:
    bucket = TokenBucket(10, 5)
    assert not bucket.spend(1_000, 0)
    assert bucket.spend(5, SECOND // 2)

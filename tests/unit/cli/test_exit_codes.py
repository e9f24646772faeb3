import signal

from headrace.cli.exit_codes import EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_USAGE


def test_a_script_can_tell_apart_what_went_wrong() -> None:
    assert (EXIT_FAILURE, EXIT_USAGE, EXIT_INTERRUPTED) == (1, 2, 128 + signal.SIGINT)

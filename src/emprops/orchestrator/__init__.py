"""Where features meet: start, advance by reports, finish; change from outside, repair what got lost."""

"""Search: the best model that fits a board, by as many processes and machines as there are.

Optuna proposes recipes and keeps the study; what a trial may cost, who works on it, and that none is lost or counted
twice is decided here. Optuna is imported inside functions: it takes seconds, and not everybody has it.
"""

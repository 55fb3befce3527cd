from hypothesis import settings

settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("dev", deadline=None)
settings.load_profile("ci")

collect_ignore = ["study/make_weights.py"]  # a script that needs PyTorch; its files are kept

"""Training on this computer: DPO and SFT with LoRA, adapters, merging. Nobody imports it; it is started.

python -m training.dpo --config FILE      learn a character from pairs
python -m training.sft --config FILE      learn from the model's own reflections and dialogues
python -m training.merge --config FILE    several adapters → one, or one complete model
python -m training.adapters --config FILE check an adapter, convert it for the embedded server
"""

"""What a recipe may say. A field's docstring says its unit and where it comes from; ``loading.py`` reads the files."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

from fakescan.core.views import View

Task = Literal["words", "probe", "kernel", "caption", "joint"]
CLOSED_FORM: tuple[Task, ...] = ("words", "probe", "kernel")
"""Tasks of a stage without steps."""
Trainable = Literal["projector", "language", "vision"]
Module = Literal["projector", "language", "vision", "probe"]
"""What a run can change: ``probe`` is the class token's, which steps leave alone."""


@dataclass(frozen=True)
class LoraConfig:
    """Low-rank adapters of the language model, and of the tower where ``vision_blocks`` names blocks."""

    rank: int = 128
    """Rank (paper: 128)."""
    alpha: float = 256.0
    """Scaling factor (paper: 256)."""
    dropout: float = 0.05
    """Dropout before the adapter (authors' code: 0.05)."""
    vision_blocks: tuple[int, ...] = ()
    """Blocks of the vision tower with adapters; empty = frozen tower, as in the paper."""


@dataclass(frozen=True)
class ModelConfig:
    """What is trained."""

    base: str = ""
    """Folder of the base: transformers' LLaVA layout or ours, relative to the working folder; ``nano``: the embedded
    model's."""
    start: str = ""
    """Checkpoint that training goes on from, with this base, these adapters and this projector (its probe of the class
    token may be lacking); ``nano``: the embedded model. Empty = adapters and projector start anew."""
    name: str = "unnamed"
    """Name for reports and the model card."""
    licence: str = ""
    """Of the base, in words, for the model card."""
    template: str = "vicuna_v1"
    """Chat template: chatml, vicuna_v1 or llava_v1."""
    views: tuple[View, ...] = ("pad",)
    """Views of a picture, one block of visual tokens each."""
    projector_pooling: int = 1
    """Side of the squares of patches averaged before the projector; 1 = none (LLaVA)."""
    projector_probe_units: int = 0
    """Hidden units of a pooled projector's probe of the class token, which a kernel stage fills; 0 = none."""
    train: tuple[Trainable, ...] = ("projector", "language")
    """Modules that the joint stage updates (paper Table 6)."""
    lora: LoraConfig = field(default_factory=LoraConfig)
    """Adapters."""
    quantise: Literal["none", "8bit", "4bit"] = "none"
    """Bits of the frozen language model's linear layers (QLoRA); needs the extra ``qlora``, and is slow on the CPU."""


@dataclass(frozen=True)
class DataConfig:
    """What it is trained on."""

    root: str = ""
    """Folder of the MMFR tree."""
    licence: str = ""
    """Of images and annotations, in words, for the model card."""
    train: tuple[str, ...] = ("forgery_reasoning_cot.json",)
    """Annotation files below the root."""
    captions: tuple[str, ...] = ()
    """Annotation files of the caption stage; empty = captions of ``train``."""
    validation: tuple[str, ...] = ()
    """Annotation files of held-out sources: evaluation while training, and calibration."""
    features: tuple[str, ...] = ()
    """Folders of cached tower features, the model's views one after the other; empty = the tower runs in every step
    (needed when it is trained)."""
    fill: bool = False
    """Make what the one folder of ``features`` lacks before training begins; a run that was stopped goes on with it."""
    caption_views: int = 0
    """Views that a caption row shows, from the first on; 0 = all."""
    variants: tuple[int, ...] = (0,)
    """Augmented variants in the cache that training draws from; 0 is the plain picture."""
    augment: bool = False
    """Without a cache: augment pictures on the fly."""
    out_of_fold: bool = False
    """After a probe stage, show training images as if the probe had not seen their source: cached class tokens are
    moved along its weight to its out-of-fold logit."""
    leak: bool = True
    """Keep "Therefore, this image is ..." at the end of REASONING (the paper's form)."""
    chain: bool = True
    """Four stages. False: full rows teach the interpretation as one text, without SUMMARY, CAPTION and the two
    perspectives (paper Table 4, "w/o Reasoning CoT"); scan such a model with ``--decode free``."""
    balance: bool = False
    """Draw labels equally and sources by the square root of their size, instead of whole epochs in random order."""
    steer: float = 0.0
    """Share of the full rows whose question carries the control phrase for their own label."""
    max_text_tokens: int = 320
    """Longest caption + reasoning; longer texts are cut."""


@dataclass(frozen=True)
class LossConfig:
    """Weights of Eq. 11; 0 switches a term off (Table 5)."""

    lm: float = 1.0
    """Language modelling (Eq. 10)."""
    facl: float = 1.0
    """Forgery-aligned contrastive learning (Eq. 5)."""
    cpm: float = 1.0
    """Binary cross-entropy of the mapper (Eq. 9) on full rows."""
    cpm_short: float = 1.0
    """The same on short rows, where no reasoning gives the answer away."""
    lm_short: float = 1.0
    """Language modelling on short rows."""
    label_smoothing: float = 0.0
    """Of the mapper's labels, in [0, 0.5)."""
    soft_targets: float = 0.0
    """Share, in [0, 1], of the probe's out-of-fold P(fake) in what the mapper of a short row aims at; the rest is the
    label. A model that sees its training images often fits their labels perfectly, and its score saturates."""


@dataclass(frozen=True)
class MapperConfig:
    """The probability mapper."""

    tau: float = 10.0
    """Temperature at the start (paper: 10)."""
    trainable: bool = True
    """Whether it is trained (paper: yes; authors' code: no)."""
    locate: Literal["predicted", "target"] = "predicted"
    """Where the index is looked for: in the argmax ids of the forward pass (Eq. 6-7), or where the target has it."""


@dataclass(frozen=True)
class FaclConfig:
    """What the paper's Sec. 4.2 leaves open."""

    queue: int = 256
    """Length n of the image queue; the text queue holds twice as many (caption and reasoning)."""
    image_states: Literal["projector", "last_hidden"] = "projector"
    """What is averaged for an image: projected visual tokens (F_v), or the language model's last states over them."""
    text_states: Literal["last_hidden", "embedding"] = "last_hidden"
    """What is averaged for a text: the language model's last states over its tokens, or their input embeddings."""
    normalise: bool = True
    """Scale pooled features to unit length, so that the temperature means the same for every model."""
    text_pairs: Literal["both", "reasoning"] = "both"
    """Anchors of the text-to-text term: captions and reasonings, or reasonings alone."""
    temperature: float = 0.07
    """Start of the trainable temperature."""


@dataclass(frozen=True)
class StageConfig:
    """One stage of training."""

    name: str
    """Name in logs and checkpoints."""
    task: Task
    """``words`` and ``probe`` start the projector in closed form, from a regression on the words of captions and from a
    linear detector; ``kernel`` puts a better detector in that one's place, once the language model can read it;
    ``caption`` aligns the projector by gradient; ``joint`` is the paper's Eq. 11."""
    steps: int = 0
    """Optimizer steps; 0 = as many as ``epochs`` need. For ``kernel``: of the small network that learns the kernel
    machine's values; 0 = enough."""
    epochs: float = 1.0
    """Passes over the stage's rows, where ``steps`` is 0."""
    full: int = 4
    """Rows with reasoning a micro-batch (joint)."""
    short: int = 0
    """Rows with the conclusion alone a micro-batch (joint)."""
    captions: int = 0
    """Caption rows a micro-batch (caption, or beside the others in joint)."""
    read: float = 0.0
    """Share, in [0, 1], of the short rows that show another image's out-of-fold logit and ask for its label
    (``data.out_of_fold``)."""
    accumulate: int = 1
    """Micro-batches an optimizer step."""
    lr: float = 2e-4
    """Learning rate of the adapters (paper: 2e-4)."""
    lr_projector: float = 0.0
    """Learning rate of the projector; 0 = the same."""
    lr_scalars: float = 0.0
    """Learning rate of tau and the contrastive temperature; 0 = the same."""
    weight_decay: float = 0.0
    """AdamW's (authors: 0). For ``probe``, ``kernel`` and ``words``: strength of the ridge penalty."""
    gamma: float = 0.4
    """Of the ``kernel`` stage's Gaussian: how fast images cease to be alike, where their mean squared distance from the
    middle is 1."""
    components: int = 512
    """Most principal axes of the class token that the ``kernel`` stage looks at."""
    warmup: float = 0.03
    """Share of the steps with a rising rate (paper: 3 %)."""
    train: tuple[Trainable, ...] = ()
    """Modules to update; empty = the model's list (caption: projector alone)."""


@dataclass(frozen=True)
class RunConfig:
    """How it is run."""

    out: str = "runs/unnamed"
    """Folder of everything the run writes."""
    seed: int = 0
    """Of initialisation, sampling and dropout."""
    precision: Literal["no", "bf16", "fp16"] = "no"
    """Mixed precision of accelerate; no = float32."""
    gradient_checkpointing: bool = False
    """Recompute activations to save memory."""
    max_grad_norm: float = 1.0
    """Gradient clipping; 0 = none."""
    log_every: int = 10
    """Steps between log lines."""
    eval_every: int = 0
    """Steps between evaluations; 0 = only at step 0 and at a stage's end."""
    eval_rows: int = 256
    """Validation rows an evaluation looks at."""
    save_every: int = 100
    """Steps between checkpoints."""
    threads: int = 0
    """CPU threads; 0 = torch's choice."""
    export: Literal["adapter", "merged"] = "adapter"
    """What is left at the end beside ``checkpoint/``, whose adapters name their base: nothing (``adapter``), or
    ``merged/``, the whole model in one folder (``merged``)."""


@dataclass(frozen=True)
class TrainConfig:
    """A whole recipe."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    mapper: MapperConfig = field(default_factory=MapperConfig)
    facl: FaclConfig = field(default_factory=FaclConfig)
    run: RunConfig = field(default_factory=RunConfig)
    stages: tuple[StageConfig, ...] = ()

    def modules_of(self, stage: StageConfig) -> tuple[Module, ...]:
        """What a stage changes.

        Args:
            stage: of this recipe.
        """
        if stage.task in CLOSED_FORM:
            return ("probe",) if stage.task == "kernel" else ("projector",)
        return stage.train or (("projector",) if stage.task == "caption" else self.model.train)


def to_toml_table(config: TrainConfig) -> dict[str, Any]:
    """The resolved recipe as plain data, for saving beside the run."""
    return dataclasses.asdict(config)

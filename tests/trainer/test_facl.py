"""Each term of the contrastive loss against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from fakescan_trainer.facl import FeatureQueue, ForgeryAlignedContrast, contrastive, mean_pooled

E1, E2, E3 = [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]


def value(tensor: torch.Tensor) -> float:
    return float(tensor.detach())


def contrast(queue: int = 4, temperature: float = 1.0, **options: object) -> ForgeryAlignedContrast:
    return ForgeryAlignedContrast(3, queue, temperature, **options).eval()  # type: ignore[arg-type]


def t(*rows: list[float]) -> torch.Tensor:
    return torch.tensor(rows)


def test_image_to_answer_with_two_positives() -> None:
    # image 0 = e1, texts: captions e1, e2; reasonings e1, e3. Similarities of image 0: 1, 0, 1, 0.
    terms = contrast()(t(E1, E2), t(E1, E2), t(E1, E3), torch.tensor([1, 0]))
    own0 = -math.log(math.e / (2 * math.e + 2))  # both positives of image 0 share this value
    # image 1 = e2: similarities 0, 1, 0, 0; positives are caption 1 (1) and reasoning 1 (0)
    own1 = -(math.log(math.e / (math.e + 3)) + math.log(1 / (math.e + 3))) / 2
    assert value(terms.v2a) == pytest.approx((own0 + own1) / 2, abs=1e-6)


def test_answer_to_image() -> None:
    terms = contrast()(t(E1, E2), t(E1, E2), t(E1, E3), torch.tensor([1, 0]))
    matched = -math.log(math.e / (math.e + 1))  # caption 0, caption 1, reasoning 0 each meet their own image
    lost = -math.log(1 / 2)  # reasoning 1 = e3 is equally far from both images
    assert value(terms.a2v) == pytest.approx((3 * matched + lost) / 4, abs=1e-6)


def test_image_to_image_pulls_the_same_class_and_never_itself() -> None:
    # images e1, e1, e2 with labels 1, 1, 0: anchor 2 has no positive and is left out.
    terms = contrast()(t(E1, E1, E2), t(E1, E1, E1), t(E1, E1, E1), torch.tensor([1, 1, 0]))
    assert value(terms.v2v) == pytest.approx(-math.log(math.e / (math.e + 1)), abs=1e-6)


def test_text_to_text_counts_all_positives() -> None:
    # one image: its caption e1 and its reasoning e2 are each other's only positive and only candidate
    terms = contrast()(t(E1), t(E1), t(E2), torch.tensor([1]))
    assert value(terms.a2a) == pytest.approx(0.0, abs=1e-6)
    # two images of different classes, texts e1, e2 | e1, e3: caption 0 meets caption 1 (0), reasoning 0 (1), 1 (0)
    terms = contrast()(t(E1, E2), t(E1, E2), t(E1, E3), torch.tensor([1, 0]))
    near = -math.log(math.e / (math.e + 2))  # caption 0 and reasoning 0
    far = -math.log(1 / 3)  # caption 1 and reasoning 1 are orthogonal to everything
    assert value(terms.a2a) == pytest.approx((2 * near + 2 * far) / 4, abs=1e-6)


def test_text_pairs_reasoning_only_takes_fewer_anchors() -> None:
    terms = contrast(text_pairs="reasoning")(t(E1, E2), t(E1, E2), t(E1, E3), torch.tensor([1, 0]))
    near, far = -math.log(math.e / (math.e + 2)), -math.log(1 / 3)
    assert value(terms.a2a) == pytest.approx((near + far) / 2, abs=1e-6)


def test_loss_is_the_mean_of_the_four_terms() -> None:
    terms = contrast()(t(E1, E2), t(E1, E2), t(E1, E3), torch.tensor([1, 0]))
    mean = sum(value(term) for term in (terms.v2a, terms.a2v, terms.v2v, terms.a2a)) / 4
    assert value(terms.loss) == pytest.approx(mean)


def test_temperature_divides_similarities_and_is_trained() -> None:
    module = contrast(temperature=0.5)
    terms = module(t(E1, E2), t(E1, E2), t(E1, E2), torch.tensor([1, 0]))
    assert value(terms.a2v) == pytest.approx(-math.log(math.e**2 / (math.e**2 + 1)), abs=1e-6)
    terms.loss.backward()
    assert module.log_temperature.grad is not None
    assert value(module.log_temperature.grad) != 0


def test_empty_queue_one_class_and_batch_of_one() -> None:
    module = contrast()
    single = module(t(E1), t(E2), t(E3), torch.tensor([1]))
    assert value(single.v2v) == 0  # no other image: no positive
    assert value(single.a2v) == pytest.approx(0)  # one candidate: log 1
    assert value(single.v2a) == pytest.approx(math.log(2))  # caption and reasoning equally near
    one_class = module(t(E1, E2), t(E1, E2), t(E1, E2), torch.tensor([0, 0]))
    assert value(one_class.v2v) == pytest.approx(0)  # the other image is positive and the only candidate


def test_queued_entries_are_negatives_across_and_positives_within() -> None:
    module = contrast(queue=2).train()
    module(t(E1), t(E1), t(E1), torch.tensor([1]))  # fills the queues
    module.eval()
    terms = module(t(E1), t(E1), t(E1), torch.tensor([1]))
    # across: own image against itself and the queued twin, which is no match: 1/2
    assert value(terms.a2v) == pytest.approx(math.log(2), abs=1e-6)
    # within: the queued twin has the same class and is the only candidate
    assert value(terms.v2v) == pytest.approx(0, abs=1e-6)
    other = module(t(E1), t(E1), t(E1), torch.tensor([0]))
    assert value(other.v2v) == 0  # other class: candidate but no positive


def test_queue_is_first_in_first_out_and_carries_no_gradient() -> None:
    queue = FeatureQueue(3, 1)
    assert queue.entries()[0].shape == (0, 1)
    queue.push(torch.tensor([[1.0], [2.0]], requires_grad=True), torch.tensor([0, 1]))
    queue.push(torch.tensor([[3.0], [4.0]]), torch.tensor([1, 0]))
    features, labels = queue.entries()
    assert features.flatten().tolist() == [2.0, 3.0, 4.0]
    assert labels.tolist() == [1, 1, 0]
    assert not features.requires_grad


def test_evaluation_leaves_the_queues_alone() -> None:
    module = contrast()
    module(t(E1), t(E1), t(E1), torch.tensor([1]))
    assert int(module.images.filled) == 0


def test_normalisation_makes_length_irrelevant() -> None:
    long, short = [[30.0, 0.0, 0.0]], [[0.1, 0.0, 0.0]]
    one = contrast()(torch.tensor(long), t(E1), t(E2), torch.tensor([1]))
    two = contrast()(torch.tensor(short), t(E1), t(E2), torch.tensor([1]))
    assert value(one.v2a) == pytest.approx(value(two.v2a))
    raw = contrast(normalise=False)(torch.tensor(short), t(E1), t(E2), torch.tensor([1]))
    assert value(raw.v2a) != pytest.approx(value(two.v2a))


def test_no_positive_anywhere_gives_zero_with_a_gradient_path() -> None:
    similarity = torch.zeros(2, 3, requires_grad=True)
    loss = contrastive(similarity, torch.zeros(2, 3, dtype=torch.bool), torch.ones(2, 3, dtype=torch.bool))
    loss.backward()
    assert value(loss) == 0
    assert similarity.grad is not None


def test_mean_pooling_ignores_other_positions() -> None:
    states = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [100.0, 100.0]]])
    assert mean_pooled(states, torch.tensor([[1, 1, 0]])).tolist() == [[2.0, 3.0]]
    assert mean_pooled(states, torch.tensor([[0, 0, 0]])).tolist() == [[0.0, 0.0]]

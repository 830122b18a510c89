import numpy as np
import pytest
import torch

from rcd_ros.generative.edm import denoise
from rcd_ros.networks.build import build_network, start_from
from rcd_ros.networks.spline_mlp import SplineMLP, spline_basis

HORIZON, STRIDE = 48, 8


def network(jumps: bool = False) -> SplineMLP:
    torch.manual_seed(0)
    made = SplineMLP(HORIZON, 2, condition=3, jumps=jumps, stride=STRIDE, width=16, blocks=1, embedding=8)
    return made.eval()


def test_the_basis_holds_straight_lines_and_is_well_conditioned() -> None:
    basis = spline_basis(HORIZON, STRIDE)
    assert basis.shape == (HORIZON, HORIZON // STRIDE + 1)
    steps = torch.arange(HORIZON, dtype=torch.float64)
    for line in (torch.ones_like(steps), 0.3 * steps - 2.0):
        fitted = basis @ torch.linalg.lstsq(basis, line).solution
        assert torch.allclose(fitted, line, atol=1e-9)
    assert float(torch.linalg.cond(basis)) < 5.0


def test_a_smooth_path_is_held_to_a_thousandth() -> None:
    basis = spline_basis(HORIZON, STRIDE)
    path = torch.sin(torch.linspace(0.0, 3.0, HORIZON, dtype=torch.float64))
    fitted = basis @ torch.linalg.lstsq(basis, path).solution
    assert float((fitted - path).abs().max()) < 3e-3


def test_what_no_spline_holds_is_denoised_to_nothing() -> None:
    """Two noisy chunks that differ by roughness alone denoise to the same chunk, and that is a spline."""
    made = network()
    basis = spline_basis(HORIZON, STRIDE)
    smooth_part = basis @ torch.linalg.pinv(basis)
    rough = torch.randn(1, HORIZON, 2, dtype=torch.float64)
    rough = (rough - smooth_part @ rough).float()
    x, condition = torch.randn(1, HORIZON, 2), torch.randn(1, 3)
    for level in (0.05, 1.0, 50.0):
        sigma = torch.tensor([level])
        with torch.no_grad():
            one = denoise(made, x, sigma, condition, sigma_data=1.0)
            other = denoise(made, x + level * rough, sigma, condition, sigma_data=1.0)
        assert torch.allclose(one, other, atol=2e-4)
        left = one - smooth_part.float() @ one
        assert float(left.abs().max()) < 2e-4


def test_a_student_starts_as_its_teacher() -> None:
    teacher, student = network(), network(jumps=True)
    for parameter in teacher.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    start_from(student, teacher)
    x, noise, condition = torch.randn(4, HORIZON, 2), torch.zeros(4), torch.randn(4, 3)
    with torch.no_grad():
        assert torch.equal(student(x, noise, condition, noise - 1.0), teacher(x, noise, condition))


def test_a_jump_between_places_is_learned_faster_with_sines_of_the_place() -> None:
    def error(frequencies: int) -> float:
        torch.manual_seed(0)
        made = SplineMLP(16, 1, 1, False, stride=8, width=32, blocks=1, frequencies=frequencies)
        optimizer = torch.optim.Adam(made.parameters(), lr=1e-2)
        generator = torch.Generator().manual_seed(0)
        for _ in range(60):
            place = 4.0 * torch.rand(256, 1, generator=generator) - 2.0
            wanted = torch.sign(torch.sin(6.0 * place))[:, None].expand(-1, 16, 1)
            answer = made(torch.zeros(256, 16, 1), torch.ones(256), place)
            loss = (answer - wanted).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return float(loss.detach())

    assert error(4) < 0.5 * error(0)


def test_too_short_a_horizon_is_named() -> None:
    with pytest.raises(ValueError, match=r"16.*32"):
        build_network({"kind": "spline_mlp", "stride": 16}, horizon=24, actions=1, condition=1, jumps=False)


def test_rows_sum_to_one() -> None:
    np.testing.assert_allclose(spline_basis(50, 8).sum(1).numpy(), 1.0, atol=1e-12)

"""What the variables of data sets are, by name; logarithms are natural, and norms of matrices are Frobenius norms."""

from __future__ import annotations

# Of simulated layers, and of the streams of simulated blocks.
VARIABLES = {
    "q": "squared length of the pre-activations over the width, |h_l|^2 / N_l",
    "log_gradient_norm": "ln of the norm of the loss gradient at h_l",
    "log_weight_gradient_norm": "ln of the norm of the loss gradient at the matrices of layer l",
    "log_stream_gradient_norm": "ln of the norm of the loss gradient at the stream after layer l, others held fixed",
    "log_token_gradient_norm": "ln of the norm of each token's part of the loss gradient at the stream after layer l",
    "stream_square": "mean square of the components of the stream after layer l",
    "gradient_share": "share of the stream's components that carry its gradient, (sum g^2)^2/(n sum g^4)",
    "cosine": "mean cosine over the pairs of columns of the stream after layer l",
    "entropy": "entropy in nats of the attention inside layer l, mean over heads and queries",
    "score_spread": "root mean square deviation of attention scores inside layer l from the mean of their query's",
}
# Of layers as theory predicts them.
PREDICTED = {
    "q": "variance of a pre-activation, width to infinity, for an input with |x_0|^2 = N_0",
    "log_q": "natural logarithm of q (stays finite where q leaves the range of doubles)",
    "chi": "gain of the squared gradient norm from layer l + 1 to l",
    "log_gradient_norm": "mean over networks of ln |dloss/dh_l|_2: the typical gradient",
    "log_gradient_norm_std": "standard deviation over networks of ln |dloss/dh_l|_2",
    "log_gradient_norm_rms": "half the ln of the mean of |dloss/dh_l|_2^2 under the log-normal law: the mean gradient",
    "log_gradient_norm_infinite_width": "ln |dloss/dh_l|_2 of the infinitely wide network",
    "log_weight_gradient_norm": "mean over networks of ln |dloss/dW_l|_F",
    "log_weight_gradient_norm_std": "standard deviation over networks of ln |dloss/dW_l|_F",
    "relative_length_bias": "(E V_l - q_l)/q_l, V_l the conditional variance of h_l",
    "relative_length_variance": "variance of V_l over q_l^2",
    "alignment": "w_l: E cos^2 of the angle between h_l and dloss/dh_l is (1 + w_l)/N, to order 1/N",
}


def labels(text: str, units: str = "1") -> dict[str, str]:
    """Return the attributes of a variable that this text describes."""
    return {"long_name": text, "units": units}

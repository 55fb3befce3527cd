"""The Chinese phrase book: each English phrase of the report with its translation; {…} is what varies."""

CHINESE: dict[str, str] = {
    # --- title, verdict
    "Will the gradient of {act} survive {layers} layers?": "{act} 的梯度能穿过 {layers} 层吗？",
    "{act}, {law} weights with σ_w = {w}, σ_b = {b}, width {width}, depth {depth}; {samples} samples, seed {seed}": (
        "{act}，{law}权重，σ_w = {w}，σ_b = {b}，宽度 {width}，深度 {depth}；{samples} 个样本，随机种子 {seed}"
    ),
    "gaussian": "高斯",
    "orthogonal": "正交",
    "uniform": "均匀",
    "Vanishes: {rest}": "梯度消失：{rest}",
    "Explodes: {rest}": "梯度爆炸：{rest}",
    "Balanced at depth {depth}: {rest}": "在深度 {depth} 下保持平衡：{rest}",
    "Undecided: {rest}": "未定：{rest}",
    "More width, or an activation whose slope is nowhere 0 (e.g. leaky_relu), keeps layers alive; no σ_w does.": (
        "更大的宽度，或斜率处处不为 0 的激活函数（例如 leaky_relu），能使各层存活；任何 σ_w 都做不到。"
    ),
    "Critical: χ = {chi}, and {rest}": "临界：χ = {chi}，并且{rest}",
    "Balanced: a network of one layer has a single gradient, which cannot vanish or explode with depth.": (
        "平衡：只有一层的网络只有一个梯度，不会随深度消失或爆炸。"
    ),
    "the simulated gradient norm grows by a factor of {f} per layer on its way back to the input "
    "({change} in ln‖∂ℓ/∂h_l‖ from layer {layers} to layer 1, a factor of {total} in all).": (
        "模拟的梯度范数在反向传回输入的途中每层乘以 {f}（从第 {layers} 层到第 1 层，ln‖∂ℓ/∂h_l‖ 变化 {change}，"
        "总共乘以 {total}）。"
    ),
    "the simulated gradient norm shrinks by a factor of {f} per layer on its way back to the input "
    "({change} in ln‖∂ℓ/∂h_l‖ from layer {layers} to layer 1, a factor of {total} in all).": (
        "模拟的梯度范数在反向传回输入的途中每层缩小为 {f} 倍（从第 {layers} 层到第 1 层，ln‖∂ℓ/∂h_l‖ 变化 {change}，"
        "总共乘以 {total}）。"
    ),
    "Theory at this depth says that it {regime}; the simulated networks disagree.": (
        "理论认为在此深度下梯度{regime}；模拟的网络与之不符。"
    ),
    "vanishes": "消失",
    "explodes": "爆炸",
    "critical": "临界",
    "ordered": "有序",
    "chaotic": "混沌",
    "At width {width} that is {gap} in ln below mean field (width → ∞, {which}), and networks differ by a "
    "factor of {spread} (one standard deviation): the typical gradient is not the mean one.": (
        "在宽度 {width} 下，这比平均场（宽度 → ∞，{which}）在 ln 上低 {gap}，而且不同网络之间相差 {spread} 倍"
        "（一个标准差）：典型的梯度并不是平均的梯度。"
    ),
    "At width {width} that is {gap} in ln above mean field (width → ∞, {which}), and networks differ by a "
    "factor of {spread} (one standard deviation): the typical gradient is not the mean one.": (
        "在宽度 {width} 下，这比平均场（宽度 → ∞，{which}）在 ln 上高 {gap}，而且不同网络之间相差 {spread} 倍"
        "（一个标准差）：典型的梯度并不是平均的梯度。"
    ),
    "the root mean square": "均方根",
    "with χ = 1 exactly": "χ 恰好为 1",
    "{dead} of {samples} networks are dead (a gradient of exactly 0) and are counted apart.": (
        "{samples} 个网络中有 {dead} 个已死（梯度恰为 0），单独计数。"
    ),
    "Dies: in {dead} of {samples} simulated networks a whole layer has φ' = 0, so that the gradient before it is "
    "exactly 0.": "网络死亡：{samples} 个模拟网络中有 {dead} 个存在整层 φ' = 0，因此该层之前的梯度恰为 0。",
    "It has the critical σ_w.": "它的 σ_w 正是临界值。",
    "σ_w = {w} would make it critical.": "取 σ_w = {w} 可使其临界。",
    "σ_w = {w} would make it critical (its fixed point is unstable, so the network does not stay there).": (
        "取 σ_w = {w} 可使其临界（但该不动点不稳定，网络不会停留在那里）。"
    ),
    "There is no critical σ_w here: {reason}.": "此处没有临界的 σ_w：{reason}。",
    "It keeps the gradient (χ = 1 at every q), but each layer then adds σ_b² to q, which has no fixed point: "
    "σ_b = 0 makes it critical.": (
        "它保持梯度大小（对每个 q 都有 χ = 1），但每层都给 q 加上 σ_b²，因而没有不动点：取 σ_b = 0 即临界。"
    ),
    "σ_w = {w} would keep the gradient (χ = 1 at every q), but each layer then adds σ_b² to q, which has no fixed "
    "point: σ_b = 0 makes it critical.": (
        "取 σ_w = {w} 可保持梯度大小（对每个 q 都有 χ = 1），但每层都给 q 加上 σ_b²，因而没有不动点：取 σ_b = 0 即临界。"
    ),
    # --- key numbers, how things are known
    "Quantity": "量",
    "Value": "值",
    "How it is known": "如何得知",
    "quantity": "量",
    "value": "值",
    "how it is known": "如何得知",
    "proved, closed form": "已证明，闭式",
    "certified (ball arithmetic)": "已认证（球算术）",
    "numeric, not certified": "数值，未认证",
    "quadrature": "数值积分",
    "asymptotic": "渐近",
    "by definition": "定义",
    "quadrature, width → ∞": "数值积分，宽度 → ∞",
    "quadrature and root finding": "数值积分与求根",
    "Monte Carlo": "蒙特卡罗",
    "Monte Carlo, 99 % interval": "蒙特卡罗，99 % 区间",
    "exact law, any width": "精确定律，任意宽度",
    "mean field with order 1/width": "平均场加 1/宽度 阶修正",
    "closure in length and alignment": "长度与对齐的封闭近似",
    "{how}, not reliable here": "{how}，此处不可靠",
    "from the simulated rate": "由模拟的速率得出",
    "largest slope κ = sup |φ'|": "最大斜率 κ = sup |φ'|",
    "gain χ of the squared gradient per layer": "每层平方梯度的增益 χ",
    "gain χ of the squared gradient per layer in layer {layer} (no fixed point)": (
        "第 {layer} 层平方梯度的增益 χ（无不动点）"
    ),
    "variance q of the pre-activations, last layer": "最后一层预激活的方差 q",
    "simulated ln of the gradient norm, change per layer": "模拟的梯度范数之 ln，每层的变化",
    "the same, predicted": "同上，预测值",
    "depth at which it leaves float32's normal range": "超出 float32 正规范围的深度",
    "spread between networks, std of ln": "网络之间的离散度，ln 的标准差",
    "dead networks": "死亡网络",
    "critical σ_w (χ = 1) at this σ_b": "此 σ_b 下的临界 σ_w（χ = 1）",
    "{n} layers": "{n} 层",
    "never": "永不",
    "{value}, taken at x = {x}": "{value}，在 x = {x} 处取到",
    "{value}, approached as x → {x}": "{value}，当 x → {x} 时趋近",
    "between {a} and {b}": "介于 {a} 与 {b} 之间",
    "not found": "未找到",
    "nowhere": "无处",
    "range of φ'": "φ' 的值域",
    # --- section 1
    "The activation and its slope": "激活函数及其斜率",
    "Each layer multiplies the gradient by the slopes φ'(h) of its neurons and by its weights, so everything starts "
    "with φ and φ'.": "每一层都把梯度乘以神经元的斜率 φ'(h) 和权重，因此一切从 φ 与 φ' 说起。",
    "the activation {act}": "激活函数 {act}",
    "derived symbolically": "由符号推导得出",
    "derived symbolically, away from the kinks": "由符号推导得出（折点除外）",
    "Where φ' saturates was not found: {reason}.": "未能求出 φ' 饱和的区域：{reason}。",
    "φ' does not saturate: |φ'| ≤ {eps} holds nowhere.": "φ' 不饱和：|φ'| ≤ {eps} 处处不成立。",
    "A neuron is saturated, |φ'(h)| ≤ {eps}, for h in {spans} ({known}).": (
        "当 h 属于 {spans} 时神经元饱和，即 |φ'(h)| ≤ {eps}（{known}）。"
    ),
    "In the last layers (q = {q}) that is {share} % of the neurons.": (
        "在最后几层（q = {q}）中，这样的神经元占 {share} %。"
    ),
    "φ and φ'. Grey: where φ' is saturated. Dashed: the largest slope. Light blue: the law of the pre-activations in "
    "the last layers, scaled to be seen.": (
        "φ 与 φ'。灰色：φ' 饱和之处。虚线：最大斜率。浅蓝：最后几层预激活的分布（按可见比例缩放）。"
    ),
    "Graphs of the activation {act} and of its derivative; {slope}.": "激活函数 {act} 及其导数的图像；{slope}。",
    "its largest slope is {value}": "其最大斜率为 {value}",
    "its largest slope was not found": "其最大斜率未找到",
    # --- section 2
    "What is proved": "已证明的结论",
    "No bound applies: {reason}.": "没有适用的界：{reason}。",
    "These statements hold at every width and depth under the assumptions given with them. A bound whose rate is above "
    "1 per layer cannot show that the gradient vanishes; it then only limits how fast it can grow.": (
        "以下结论在所给假设下对任意宽度和深度成立。若一个上界的每层速率大于 1，它不能说明梯度消失，只能限制其增长速度。"
    ),
    "Whether vanishing or explosion can be proved was not decided: {reason}.": (
        "能否证明消失或爆炸尚未判定：{reason}。"
    ),
    "For this network neither vanishing nor explosion follows from these bounds (no upper rate is below 1 and no lower "
    "rate above 1), so they give no depth at which the gradient must fall under float32's smallest normal number; mean "
    "field and simulation below have to decide.": (
        "对这个网络，由这些界既不能推出消失也不能推出爆炸（没有小于 1 的上速率，也没有大于 1 的下速率），因此它们不给出梯度"
        "必然低于 float32 最小正规数的深度；须由下文的平均场与模拟来判断。"
    ),
    "Certified: the mean squared gradient {verdict} with depth. Each layer multiplies it by at most {rate} ({name}).": (
        "已认证：均方梯度随深度{verdict}。每层至多乘以 {rate}（{name}）。"
    ),
    "Certified: the mean squared gradient {verdict} with depth. Each layer multiplies it by at least {rate} ({name}).": (
        "已认证：均方梯度随深度{verdict}。每层至少乘以 {rate}（{name}）。"
    ),
    "Bound": "界",
    "Value for this network": "对此网络的值",
    "Values at depth {depth}, with failure probability p = {p} and threshold ε = {eps} where the statement has them": (
        "深度 {depth} 处的值；凡结论中含有者，失败概率 p = {p}，阈值 ε = {eps}"
    ),
    # --- names of bounds
    "Frobenius norm": "Frobenius 范数",
    "Jacobian norm by Markov's inequality": "由马尔可夫不等式得到的雅可比范数",
    "bias certificate": "偏置认证",
    "bias that certifies vanishing": "可认证消失的偏置",
    "chi-square domination": "卡方控制",
    "chi-square domination from below": "卡方控制（下界）",
    "condition number of one weight matrix": "单个权重矩阵的条件数",
    "condition number, Gaussian weights": "条件数，高斯权重",
    "depth to leave float16": "离开 float16 的深度",
    "depth to leave float32": "离开 float32 的深度",
    "depth to reach 0 in bfloat16": "在 bfloat16 中变为 0 的深度",
    "depth to reach 0 in float16": "在 float16 中变为 0 的深度",
    "depth to reach 0 in float32": "在 float32 中变为 0 的深度",
    "depth to vanish": "消失的深度",
    "edge of the spectrum": "谱的边缘",
    "entrywise product": "逐元素乘积",
    "explosion certificate": "爆炸认证",
    "few saturated neurons": "饱和神经元很少",
    "finite-width rate": "有限宽度速率",
    "finite-width rate from below": "有限宽度速率（下界）",
    "fixed loss gradient": "固定的损失梯度",
    "fourth moment": "四阶矩",
    "fourth moment of the gradient": "梯度的四阶矩",
    "gradient at layer l": "第 l 层的梯度",
    "gradient norm with probability 1 − p": "以概率 1 − p 成立的梯度范数",
    "lower tail of a bounded activation": "有界激活函数的下尾",
    "many saturated neurons": "饱和神经元很多",
    "mean of the log determinant": "对数行列式的均值",
    "mean of the log stretch": "对数拉伸的均值",
    "mean of the log stretch at large width": "大宽度下对数拉伸的均值",
    "moments with optimal exponent": "最优指数的矩",
    "negative moments with optimal exponent": "最优指数的负矩",
    "net of directions": "方向网",
    "net of directions with moments": "带矩的方向网",
    "norm of an orthogonal matrix": "正交矩阵的范数",
    "norm of one weight matrix": "单个权重矩阵的范数",
    "number of large singular values": "大奇异值的个数",
    "orthogonal weights, largest singular value": "正交权重，最大奇异值",
    "persistence": "持续性",
    "probability of a dead network": "网络死亡的概率",
    "probability of saturation": "饱和的概率",
    "product of Gaussian norms": "高斯矩阵范数之积",
    "product of norms": "范数之积",
    "product of smallest singular values": "最小奇异值之积",
    "saturated fraction, bias": "饱和比例，偏置",
    "saturated fraction, bounded activation": "饱和比例，有界激活函数",
    "self-normalised gradient": "自归一化梯度",
    "smallest bias of the bias certificate": "偏置认证所需的最小偏置",
    "smallest singular value in mean": "最小奇异值的均值",
    "smallest singular value of one weight matrix": "单个权重矩阵的最小奇异值",
    "smallest singular value, Gaussian weights": "最小奇异值，高斯权重",
    "symmetrised slope": "对称化斜率",
    "symmetrised slope from below": "对称化斜率（下界）",
    "symmetrised slope, exact mean": "对称化斜率，精确均值",
    "tail with optimal exponent": "最优指数的尾部",
    "variance of the log determinant": "对数行列式的方差",
    "variance of the log stretch": "对数拉伸的方差",
    "variance of the log stretch at large width": "大宽度下对数拉伸的方差",
    "weight gradient at layer l": "第 l 层的权重梯度",
    "weights that certify vanishing": "可认证消失的权重",
    "whole layer saturated, bias": "整层饱和，偏置",
    "whole layer saturated, bounded activation": "整层饱和，有界激活函数",
    "worst loss gradient": "最坏的损失梯度",
    # --- section 3
    "Mean field: the infinitely wide network": "平均场：无限宽的网络",
    "In a wide network the pre-activations of a layer are normal with a variance q_l that follows a map of one "
    "variable, and the squared gradient norm is multiplied by χ in every layer.": (
        "在宽网络中，一层的预激活服从正态分布，其方差 q_l 服从一个一维映射；梯度范数的平方在每层乘以 χ。"
    ),
    "{name} has no closed form here: {reason}.": "{name} 在此没有闭式：{reason}。",
    "Fixed points of q were not found: {reason}.": "未找到 q 的不动点：{reason}。",
    "The length map has no fixed point: q_l grows without limit, and every layer has its own gain χ_l.": (
        "长度映射没有不动点：q_l 无限增长，每一层有自己的增益 χ_l。"
    ),
    "gain χ": "增益 χ",
    "layers per factor of e of the gradient": "梯度变化 e 倍所需的层数",
    "depth scales ξ_q / ξ_c": "深度尺度 ξ_q / ξ_c",
    "{value} (ordered)": "{value}（有序）",
    "{value} (chaotic)": "{value}（混沌）",
    "{value} (critical)": "{value}（临界）",
    "{value} (stable)": "{value}（稳定）",
    "{value} (unstable)": "{value}（不稳定）",
    "Every q is a fixed point: the activation is positively homogeneous and chi = 1; this one is q_1 = σ_w².": (
        "每个 q 都是不动点：激活函数是正齐次的且 χ = 1；这里取 q_1 = σ_w²。"
    ),
    "Fixed points of q, by quadrature.": "q 的不动点，由数值积分求得。",
    "The gradient norm per layer cannot be predicted: {reason}.": "无法预测每层的梯度范数：{reason}。",
    "Predicted mean of ln‖∂ℓ/∂h_l‖: {first} in layer 1 and {last} in layer {layers}, a change by a factor of {f} on the "
    "way back ({method}; assuming that {assumptions}). Section 4 puts it to the test.": (
        "ln‖∂ℓ/∂h_l‖ 的预测均值：第 1 层为 {first}，第 {layers} 层为 {last}，反向途中变化 {f} 倍（{method}；"
        "假设：{assumptions}）。第 4 节对此进行检验。"
    ),
    "the exact law of this activation at every width": "此激活函数在任意宽度下的精确定律",
    "mean field with the terms of order 1/width": "平均场加 1/宽度 阶的修正",
    "the closure in length and alignment": "长度与对齐的封闭近似",
    "mean field at infinite width": "无限宽度下的平均场",
    "mean field, width → ∞": "平均场，宽度 → ∞",
    # --- section 4
    "Monte Carlo of the finite network": "有限网络的蒙特卡罗模拟",
    "{n} random networks of this width and depth were run forward and backward ({method}; seed {seed}, {s} s), for a "
    "loss whose gradient at the output is uniform on the unit sphere.": (
        "对 {n} 个此宽度和深度的随机网络做了前向与反向传播（{method}；随机种子 {seed}，{s} 秒），损失在输出处的梯度"
        "在单位球面上均匀分布。"
    ),
    "sampled exactly in law without drawing the matrices": "按分布精确采样，不需要生成矩阵",
    "sampled exactly in law by a few numbers per layer": "每层用几个数按分布精确采样",
    "with every weight matrix drawn": "生成了每一个权重矩阵",
    "All of them are dead: the gradient is exactly 0, and there is no average to show.": (
        "它们全部死亡：梯度恰为 0，没有平均值可以展示。"
    ),
    "{dead} of the {samples} networks are dead: their gradient is exactly 0 in some layer. They are counted here and "
    "left out of every average below.": (
        "{samples} 个网络中有 {dead} 个死亡：其梯度在某一层恰为 0。它们在此计数，下文的平均均不包括它们。"
    ),
    "ln‖∂ℓ/∂h_l‖ by layer: the 5 % to 95 % range of the simulated networks, their mean with its 99 % interval, and the "
    "prediction. Below: (simulated − predicted mean) / standard error; grey, ±3.": (
        "各层的 ln‖∂ℓ/∂h_l‖：模拟网络的 5 % 到 95 % 范围、均值及其 99 % 区间，以及预测值。"
        "下图：（模拟均值 − 预测均值）/ 标准误；灰色为 ±3。"
    ),
    "Gradient norm against layer: {trend}.": "梯度范数随层的变化：{trend}。",
    "going back from layer {layers} to layer 1 it rises by {change} in ln": (
        "从第 {layers} 层回到第 1 层，其 ln 上升 {change}"
    ),
    "going back from layer {layers} to layer 1 it falls by {change} in ln": (
        "从第 {layers} 层回到第 1 层，其 ln 下降 {change}"
    ),
    "layer": "层",
    "layer l": "层 l",
    "spread": "离散度",
    "simulated mean, 99 % interval": "模拟均值，99 % 区间",
    "predicted mean": "预测均值",
    "predicted spread": "预测离散度",
    "ln‖∂ℓ/∂h_l‖: Monte Carlo with intervals against the prediction; spread: standard deviation over networks": (
        "ln‖∂ℓ/∂h_l‖：带区间的蒙特卡罗结果与预测值；离散度：网络之间的标准差"
    ),
    "The prediction was not tested: {reason}.": "预测未经检验：{reason}。",
    "The largest |t| is {z}, in layer {layer} (a difference of {gap} in ln); over all layers a right prediction exceeds "
    "{critical} with probability below {p} %.": (
        "最大的 |t| 为 {z}，在第 {layer} 层（ln 相差 {gap}）；若预测正确，在所有层中超过 {critical} 的概率低于 {p} %。"
    ),
    "(Layers by verdict: {counts}.)": "（按结论统计的层数：{counts}。）",
    "The prediction ({method}) itself warns that it is not reliable here: {why}.": (
        "预测（{method}）本身提示其在此处不可靠：{why}。"
    ),
    # --- section 5
    "The singular values of the Jacobian": "雅可比矩阵的奇异值",
    "The gradient's size depends on its direction: the singular values s of J = ∂x_L/∂x_0 say by how much each "
    "direction grows or shrinks on the way through the network.": (
        "梯度的大小取决于方向：J = ∂x_L/∂x_0 的奇异值 s 说明每个方向在穿过网络时放大或缩小多少。"
    ),
    "The law of the singular values at this depth was not found: {reason}.": "未求得此深度下奇异值的分布：{reason}。",
    "Share of directions below": "低于此值的方向比例",
    "Quantiles of the singular-value law at depth {depth}, width → ∞ (quadrature)": (
        "深度 {depth}、宽度 → ∞ 时奇异值分布的分位数（数值积分）"
    ),
    "Density of ln s at this network's depth {depth}, width → ∞.": "此网络深度 {depth}、宽度 → ∞ 时 ln s 的密度。",
    "Density of the logarithm of the singular values of the Jacobian at the network's depth.": (
        "在网络深度下雅可比矩阵奇异值对数的密度。"
    ),
    "A share of {share} % of the directions is lost: s = 0 exactly.": "有 {share} % 的方向丢失：s 恰为 0。",
    "No network was sampled for a histogram: {reason}.": "没有为直方图采样网络：{reason}。",
    "{n} networks of width {width} and depth {depth} were drawn and all their singular values computed (Monte Carlo).": (
        "生成了 {n} 个宽度 {width}、深度 {depth} 的网络，并计算了全部奇异值（蒙特卡罗）。"
    ),
    "{n} networks of width {width} and depth {depth} were drawn and all their singular values computed (Monte Carlo); "
    "the curve is the law at depth {depth}, width → ∞.": (
        "生成了 {n} 个宽度 {width}、深度 {depth} 的网络，并计算了全部奇异值（蒙特卡罗）；曲线是深度 {depth}、"
        "宽度 → ∞ 时的分布。"
    ),
    "{why} Instead, {rest}": "{why}因此，{rest}",
    "Histogram of ln s of the sampled networks (width {width}, depth {depth}) and the law at that depth.": (
        "采样网络（宽度 {width}，深度 {depth}）的 ln s 直方图与该深度下的分布。"
    ),
    "Histogram of sampled singular values at width {width} and depth {depth} over the predicted density.": (
        "宽度 {width}、深度 {depth} 的采样奇异值直方图与预测密度。"
    ),
    # --- section 6
    "What would make it critical": "怎样使其临界",
    "At σ_b = {b} the gradient keeps its size (χ = 1) at σ_w = {w}, where q* = {q}; this network has σ_w = {own}, "
    "{relative}. Known by quadrature and a root finder.": (
        "当 σ_b = {b} 时，梯度在 σ_w = {w} 处保持大小（χ = 1），此处 q* = {q}；本网络的 σ_w = {own}，{relative}。"
        "由数值积分与求根得出。"
    ),
    "which is exactly that": "恰好等于它",
    "away from it": "与之不同",
    "{share} % above it": "比它高 {share} %",
    "{share} % below it": "比它低 {share} %",
    "That fixed point is unstable: q moves away from it with depth.": "该不动点不稳定：q 随深度离开它。",
    "Even there a finite network drifts: the fluctuations of ln‖∂ℓ/∂h_l‖ add up like depth/width, so keep the depth "
    "small against the width ({width}) times a constant of order one, or use more width.": (
        "即使在那里，有限网络也会漂移：ln‖∂ℓ/∂h_l‖ 的涨落按 深度/宽度 累积，因此应使深度远小于宽度（{width}）乘以一个"
        "一阶常数，或者增大宽度。"
    ),
    "The gain χ at the stable fixed point of q against σ_w, at this network's σ_b. Below the line χ = 1 gradients "
    "vanish with depth, above it they explode.": (
        "在本网络的 σ_b 下，q 的稳定不动点处的增益 χ 随 σ_w 的变化。在直线 χ = 1 之下梯度随深度消失，在其上则爆炸。"
    ),
    "Curve of the gain per layer against sigma_w, with this network and the critical point marked.": (
        "每层增益随 sigma_w 变化的曲线，标出了本网络与临界点。"
    ),
    # --- the page itself
    "References": "参考文献",
    "Reproduce": "重现",
    "specification, seed and versions": "规格、随机种子与版本",
    "copy LaTeX": "复制 LaTeX",
    "copied": "已复制",
}

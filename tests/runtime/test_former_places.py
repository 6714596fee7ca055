"""Programs written for edgecnn 0.1 find what they import."""

import numpy as np

from edgecnn.runtime import contract, preprocess
from edgecnn.runtime.model.contract import Contract
from edgecnn.runtime.run.decode import decode
from edgecnn.runtime.run.preprocess import fit


def test_contract_and_preprocessing_are_where_they_were():
    assert contract.Contract is Contract
    assert preprocess.decode is decode and preprocess.fit is fit
    image = preprocess.fit(np.zeros((8, 8, 3), np.uint8), contract.Preprocessing(4, 4))
    assert image.shape == (4, 4, 3)

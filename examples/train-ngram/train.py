#!/usr/bin/env python3
"""Trains a character model on any dataset of Longshore, with nothing but Python: a log-linear n-gram model (softmax over
the characters, one weight vector for each context of 0 to `order` characters), by stochastic gradient descent. Not a
language model anybody wants, but a real one: the loss falls because it learns.

    longshore train ferry-chats --command 'python3 examples/train-ngram/train.py' --follow

Reads DATASET_PATH (JSON Lines) and HYPERPARAMETERS_PATH ({"order": 3, "epochs": 8, "rate": 0.3, "seed": 1}); writes OUTPUT_DIR/model.json.
"""
import json
import math
import os
import random
import sys

# Which fields of a record hold words, whatever kind it is; others (ids, roles, labels) are left out.
TEXT = {"content", "text", "prompt", "completion", "chosen", "rejected", "thinking", "input", "output", "question", "answer"}


def texts_of(value, name=""):
    """Every piece of text in a record, in its order."""
    if isinstance(value, str):
        return [value] if name in TEXT else []
    if isinstance(value, list):
        return [text for item in value for text in texts_of(item, name)]
    if isinstance(value, dict):
        return [text for key, item in value.items() for text in texts_of(item, key)]
    return []


def documents_of(path):
    with open(path, encoding="utf-8") as lines:
        documents = ("\n".join(texts_of(json.loads(line))) for line in lines)
        return [document for document in documents if document]


class Model:
    """The chance of a character is the softmax of the sum of its contexts' weights."""

    def __init__(self, alphabet, order):
        self.order, self.alphabet = order, alphabet
        self.place = {character: at for at, character in enumerate(alphabet)}
        self.weights = {"": [0.0] * len(alphabet)}

    def contexts(self, text, at):
        return [text[at - length : at] for length in range(min(self.order, at) + 1)]

    def chances(self, contexts):
        known = [self.weights[context] for context in contexts if context in self.weights]
        sums = [sum(column) for column in zip(*known)]
        largest = max(sums)
        powers = [math.exp(value - largest) for value in sums]
        total = sum(powers)
        return [power / total for power in powers]

    def learn(self, text, at, rate):
        """One step down the gradient. Returns the loss before it, in nats."""
        contexts, right = self.contexts(text, at), self.place[text[at]]
        chances = self.chances(contexts)
        step = [-rate * chance for chance in chances]
        step[right] += rate
        for context in contexts:
            weights = self.weights.setdefault(context, [0.0] * len(self.alphabet))
            self.weights[context] = [weight + change for weight, change in zip(weights, step)]
        return -math.log(max(chances[right], 1e-12))

    def write(self, length, chance):
        """New text, one character after the other."""
        text = ""
        while len(text) < length:
            text += chance.choices(self.alphabet, weights=self.chances(self.contexts(text, len(text))))[0]
        return text


def main():
    with open(os.environ["HYPERPARAMETERS_PATH"], encoding="utf-8") as file:
        wanted = json.load(file)
    order, epochs, rate = int(wanted.get("order", 3)), int(wanted.get("epochs", 8)), float(wanted.get("rate", 0.3))
    chance = random.Random(wanted.get("seed", 1))
    documents = documents_of(os.environ["DATASET_PATH"])
    if not documents:
        sys.exit("this dataset has no text to learn from")
    chance.shuffle(documents)
    # Enough to learn from, and little enough for a demonstration.
    text = "\n".join(documents)[: int(wanted.get("characters", 4000))]
    model = Model(sorted(set(text)), order)
    print("%d records, %d characters of %d kinds, order %d" % (len(documents), len(text), len(model.alphabet), order))
    for epoch in range(1, epochs + 1):
        places = list(range(len(text)))
        chance.shuffle(places)
        loss = sum(model.learn(text, at, rate) for at in places) / len(places)
        print(json.dumps({"step": epoch, "loss": round(loss, 4), "perplexity": round(math.exp(loss), 3)}))
    with open(os.path.join(os.environ["OUTPUT_DIR"], "model.json"), "w", encoding="utf-8") as file:
        json.dump({"order": order, "alphabet": model.alphabet, "weights": model.weights}, file)
    print("it writes:", model.write(120, chance).replace("\n", " / "))


if __name__ == "__main__":
    main()

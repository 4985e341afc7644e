// Lets the provider's own field take the card, so that its number never reaches the shop: what is submitted is the
// name of a payment method.
const form = document.getElementById("checkout");
const stripe = Stripe(form.dataset.publishableKey);
const style = { base: { fontSize: "16px", color: getComputedStyle(document.body).color } };
const card = stripe.elements().create("card", { style, hidePostalCode: true });
const problem = document.getElementById("card-problem");
card.mount("#card");
card.on("change", (event) => { problem.textContent = event.error ? event.error.message : ""; });

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button[type=submit]");
  button.disabled = true;
  const value = (name) => (form.elements[name] ? form.elements[name].value : "");
  const name = `${value("shipping_address[first_name]")} ${value("shipping_address[last_name]")}`.trim();
  const details = { email: value("email") || undefined, name: name || undefined };
  const result = await stripe.createPaymentMethod({ type: "card", card, billing_details: details });
  if (result.error) {
    problem.textContent = result.error.message;
    button.disabled = false;
    return;
  }
  document.getElementById("payment-method").value = result.paymentMethod.id;
  form.submit();
});

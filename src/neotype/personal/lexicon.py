"""What the name of a column says of persons, in seven languages."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import cache

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[a-z])(?=\d)")
_LETTERS = str.maketrans({"ß": "ss", "ø": "o", "æ": "ae", "ł": "l", "œ": "oe"})

# English; German; French; Spanish; Italian; Portuguese; Dutch. Commas part phrases.
_TELLING: Mapping[str, str] = {
    "first_name": """first name, fname, given name, given names, forename, middle name, second name;
        vorname, vornamen, rufname; prenom, prenoms; nombre de pila, primer nombre, segundo nombre;
        nome proprio, primeiro nome; voornaam, voornamen, roepnaam""",
    "last_name": """last name, lname, surname, family name, maiden name; nachname, familienname,
        zuname, geburtsname; nom de famille, nom famille, nom de naissance; apellido, apellidos,
        primer apellido; cognome; sobrenome, apelido; achternaam, familienaam""",
    "full_name": """full name, fullname, person name, customer name, client name, employee name,
        patient name, contact name, cardholder name, card holder, cardholder, account holder,
        owner name, holder name, student name, passenger name, member name, user full name,
        guest name, legal name, applicant name, staff name, beneficiary name, recipient name;
        vollstandiger name, voller name, kundenname, patientenname, mitarbeitername, kontoinhaber,
        ansprechpartner, vor und nachname; nom complet, nom et prenom, nom prenom, titulaire;
        nombre completo, nombre y apellidos, titular; nome completo, nome e cognome, intestatario;
        volledige naam, naam klant, rekeninghouder""",
    "email": """email, e mail, mail, email address, mail address; mailadresse, emailadresse;
        courriel, adresse mail, adresse email, mel; correo, correo electronico; posta elettronica,
        indirizzo email; endereco de email; mailadres, emailadres""",
    "phone": """phone, telephone, phone number, mobile, mobile number, cell, cellphone, cell phone,
        fax, tel, msisdn, contact number, landline, phone no, tel no; telefon, telefonnummer, handy,
        handynummer, rufnummer, mobil, mobilnummer, mobiltelefon, festnetz, telefax;
        telephone portable, numero de telephone, portable, gsm; telefono, movil, celular,
        telefono movil; cellulare, numero di telefono; telefone, telemovel; telefoon,
        telefoonnummer, mobiel, mobiele nummer""",
    "username": """username, user name, login, login name, nickname, nick name, screen name, user
        handle, account name, logon name, twitter, instagram, skype, telegram; benutzername,
        anmeldename, nutzername; nom utilisateur, nom d utilisateur, identifiant, pseudo;
        usuario, nombre de usuario; nome utente, utente; nome de usuario, nome de utilizador;
        gebruikersnaam, gebruiker""",
    "street_address": """street, street address, street name, address line, address, addr, home
        address, billing address, shipping address, mailing address, postal address, residence
        address, residential address, delivery address; strasse, strassenname, anschrift, adresse,
        wohnadresse, lieferadresse, rechnungsadresse, hausanschrift; rue, voie, adresse postale;
        calle, direccion, domicilio; indirizzo, via; rua, endereco, morada, logradouro; straat,
        straatnaam, adres""",
    "city": """city, town, municipality; stadt, ort, wohnort; ville, commune, localite; ciudad,
        municipio, poblacion, localidad; citta, comune; cidade, localidade; stad, plaats,
        woonplaats, gemeente""",
    "postcode": """zip, zip code, zipcode, postcode, post code, postal code, postalcode, postal;
        plz, postleitzahl; code postal; codigo postal; cap; cep; pincode""",
    "country": """country, country code, nationality, citizenship, country name; land, staat,
        staatsangehorigkeit, nationalitat; pays, nationalite; pais, nacionalidad; paese, nazione,
        nazionalita; nacionalidade; nationaliteit""",
    "company": """company, company name, employer, organisation, organization, business name;
        firma, unternehmen, arbeitgeber; entreprise, societe, employeur; empresa; azienda, ditta;
        bedrijf, werkgever""",
    "iban": """iban, bank account, bank account number, account iban; bankkonto, kontonummer;
        compte bancaire; cuenta bancaria; conto corrente, conto bancario; conta bancaria;
        rekeningnummer, bankrekening""",
    "card_number": """credit card, credit card number, creditcard, card number, card no, cc number,
        ccnum, ccn, debit card, payment card, pan; kreditkarte, kreditkartennummer, kartennummer;
        carte bancaire, carte de credit, numero de carte; tarjeta, tarjeta de credito, numero de
        tarjeta; carta di credito, numero carta; cartao, cartao de credito; creditcardnummer,
        kaartnummer""",
    "national_id": """ssn, social security, social security number, social security no, national
        insurance, national insurance number, nino, national id, national identification, national
        id number, personal number, nhs number, sin number, aadhaar, aadhar, aadhaar number;
        sozialversicherungsnummer, svnr, sv nummer, ahv, ahv nummer, personenkennzahl; nir, numero
        securite sociale, numero de securite sociale, insee; dni, nie, curp, cedula, rut; codice
        fiscale; cpf; bsn, burgerservicenummer, sofinummer, rijksregisternummer; pesel,
        personnummer, cnp""",
    "tax_id": """tax id, tax number, tax file number, tfn, tin, ein, vat id, vat number, taxpayer
        id, tax no; steuernummer, steuer id, steueridentifikationsnummer, steuer idnr, idnr, ustid,
        ust id nr; siret, siren, numero fiscal; nif, nif nie; partita iva; nif numero, cnpj;
        btw nummer, fiscaal nummer""",
    "passport": """passport, passport number, passport no, identity card, id card number, drivers
        license, driver license, driving licence, driving license, drivers licence, license number;
        reisepass, passnummer, ausweisnummer, personalausweis, personalausweisnummer, fuhrerschein,
        fuhrerscheinnummer; passeport, numero passeport, permis de conduire; pasaporte, numero
        pasaporte, permiso de conducir; passaporto, patente; passaporte, carta de conducao;
        paspoort, paspoortnummer, rijbewijs""",
    "licence_plate": """license plate, licence plate, plate number, number plate, plate no, vin,
        vehicle identification number; kennzeichen, autokennzeichen, kfz kennzeichen;
        immatriculation, plaque immatriculation; matricula; targa; placa; kenteken""",
    "ipv4": """ip, ip address, ip addr, ipv4, ipaddress, client ip, remote addr, source ip, src ip,
        dst ip; ip adresse; adresse ip; direccion ip; indirizzo ip; endereco ip; ip adres""",
    "mac": """mac, mac address, mac addr, macaddress; mac adresse; adresse mac""",
    "url": """url, website, web site, homepage, home page, linkedin, facebook, profile url, web
        address; webseite, internetseite; site web, site internet; sitio web, pagina web; sito,
        sito web; site""",
    "password": """password, passwd, pwd, pass word, passphrase, password hash, pw; passwort,
        kennwort; mot de passe; contrasena; parola d ordine; senha, palavra passe; wachtwoord""",
    "secret": """token, api key, apikey, access token, secret, secret key, private key, auth token,
        session token, refresh token, bearer, jwt, client secret, api token, access key, cvv, cvc,
        security code""",
    "date_of_birth": """dob, date of birth, birth date, birthdate, birthday, birth day, date birth;
        geburtsdatum, geburtstag, geb datum, gebdat; date de naissance, date naissance; fecha de
        nacimiento, fecha nacimiento; data di nascita, data nascita; data de nascimento, data
        nascimento; geboortedatum""",
    "coordinates": """latitude, longitude, lat, lng, lon, geolocation; breitengrad, langengrad;
        latitud, longitud; latitudine, longitudine; breedtegraad, lengtegraad""",
    "sex": """sex, gender, salutation; geschlecht, anrede; sexe, genre, civilite; sexo, genero;
        sesso, genere; geslacht, aanhef""",
}
_HINTING = frozenset(
    (
        *("name", "names", "nom", "nome", "nombre", "naam", "contact", "employee", "person"),
        *("patient", "customer", "client", "kunde", "mitarbeiter", "manager", "author"),
        *("director", "actor", "player", "driver", "teacher", "supervisor", "owner"),
        *("representative", "agent", "signatory", "passenger", "student", "user", "member"),
        *("physician", "doctor", "nurse", "beneficiary", "applicant", "guest", "tenant"),
        *("candidate", "voter", "artist", "composer", "reviewer", "reporter", "assignee"),
        *("sender", "recipient", "payee", "payer", "sir", "rep", "referrer", "clerk"),
        *("salesperson", "seller", "buyer", "insured", "policyholder"),
    )
)
"""Words of columns in which names of persons may stand, if the cells say so too."""
_NEUTRAL = frozenset(
    (
        *("the", "a", "of", "de", "del", "da", "do", "di", "des", "du", "la", "le", "of"),
        *("my", "main", "primary", "secondary", "home", "work", "private", "mobile"),
        *("business", "personal", "alt", "alternate", "other", "number", "no", "nr", "num"),
        *("code", "line", "id", "full", "display", "old", "new", "1", "2", "3", "one", "two"),
        *("billing", "address", "name", "first", "last", "contact", "txt", "str", "col"),
    )
)


_SUBJECTS = frozenset(
    (
        *("customer", "client", "employee", "patient", "cardholder", "owner", "student", "guest"),
        *("passenger", "member", "user", "applicant", "staff", "beneficiary", "recipient"),
        *("person", "contact"),
    )
)
"""Words of owners that are also part of what a column is called: customer name."""


@cache
def words(name: str) -> tuple[str, ...]:
    """The words of a name, folded to small ASCII: customerStraße_2 is customer, strasse, 2."""
    plain = unicodedata.normalize("NFKD", name.translate(_LETTERS))
    plain = "".join(mark for mark in plain if not unicodedata.combining(mark))
    return tuple(re.findall(r"[a-z]+|\d+", _CAMEL.sub(" ", plain).lower()))


@cache
def _phrases() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """(category, words), the longest first."""
    found = {
        (category, words(phrase))
        for category, text in _TELLING.items()
        for phrase in re.split(r"[,;]", text)
    }
    return tuple(sorted(found, key=lambda pair: (-len("".join(pair[1])), pair)))


@cache
def named(name: str) -> str | None:
    """The category that a name tells, `sex` among them; the longest phrase in it decides.

    A phrase is found as words of the name, as one word written together, and, where it is long,
    at the end of a longer word: customer_first_name, firstname, custfirstname.
    """
    parts = words(name)
    for category, phrase in _phrases():
        size, glued = len(phrase), "".join(phrase)
        if any(parts[k : k + size] == phrase for k in range(len(parts) - size + 1)):
            return category
        if any(part == glued or (len(glued) > 6 and part.endswith(glued)) for part in parts):
            return category
    return None


def hints_person(name: str) -> bool:
    """Whether names of persons may stand under this name."""
    return any(part in _HINTING for part in words(name))


def owner_of(name: str) -> str:
    """Whose column it is: `customer` for customer_email; nothing for email and work_phone."""
    rest = " ".join(words(name))
    category = named(name)
    for known, phrase in _phrases():
        if known == category and " ".join(phrase) in rest:
            left = " ".join(word for word in phrase if word in _SUBJECTS)
            rest = rest.replace(" ".join(phrase), f" {left} ", 1)
            break
    kept = [w for w in rest.split() if w not in _NEUTRAL and named(w) is None]
    return " ".join(kept)


def owners(categories: Mapping[str, str]) -> dict[str, str]:
    """Whose each column of a table is, given the category of each.

    A column without an owner is of whom the table is about: beside customer_name, email is the
    customer's, unless there is customer_email.
    """
    found = {name: owner_of(name) for name in categories}
    subjects = {owner for owner in found.values() if owner in _SUBJECTS}
    if len(subjects) != 1:
        return found
    subject = subjects.pop()
    taken = {categories[name] for name, owner in found.items() if owner == subject}
    loose = [name for name, owner in found.items() if not owner]
    if any(categories[name] in taken for name in loose):
        return found
    return found | dict.fromkeys(loose, subject)
